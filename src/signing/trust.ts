// Whether a kernel trusts a key, and takes a module. Pure.

import type { Listed } from './listed.ts';
import type { Enrolment } from './machine.ts';
import type { Certificate, KernelSigning, OtherSigners, Signature, Verdict } from './signing.ts';

export interface TrustingKernel {
  readonly configuration: Readonly<Record<string, string>>;
  /** Its package is another distribution's: those let the firmware's keys count for modules by a patch. */
  readonly patched: boolean;
  readonly builtIn: Certificate | undefined;
}

/** Whether a kernel takes what is signed with the key of a certificate. */
export function trustOf(
  certificate: Certificate,
  { configuration, patched, builtIn }: TrustingKernel,
  enrolment: Enrolment,
  efi: boolean | undefined,
): Verdict {
  if (builtIn !== undefined && builtIn.hash === certificate.hash) {
    return { trust: 'accepted', why: "it is the kernel's own" };
  }
  const isOn = (name: string): boolean => configuration[name] === 'y';
  const machine = isOn('INTEGRITY_MACHINE_KEYRING') && isOn('SECONDARY_TRUSTED_KEYRING');
  const platform = isOn('INTEGRITY_PLATFORM_KEYRING');
  const takesEnrolled = (enrolment !== 'firmware' && machine) || (platform && patched);
  if ((enrolment === 'enrolled' || enrolment === 'firmware') && takesEnrolled) {
    if (machine && isOn('INTEGRITY_CA_MACHINE_KEYRING') && !(platform && patched)) {
      return {
        trust: 'unknown',
        why: 'it is enrolled, and this kernel takes enrolled certificate authorities only',
      };
    }
    return { trust: 'accepted', why: 'it is enrolled in the firmware' };
  }
  // Further certificates may be compiled in, and the build tree does not say which.
  const others = hasFurther(configuration);
  if (takesEnrolled && efi) {
    if (enrolment === 'pending')
      return { trust: 'pending', why: 'it waits for the MOK manager at the next boot' };
    if (enrolment === 'absent' && !others)
      return { trust: 'to-enroll', why: 'it is not enrolled in the firmware' };
  }
  if (builtIn === undefined)
    return { trust: 'unknown', why: "the build tree does not hold the kernel's own certificate" };
  if (others) return { trust: 'unknown', why: 'further certificates are built into this kernel' };
  if (efi === undefined || (efi && (platform || machine))) {
    return { trust: 'unknown', why: 'nothing here tells which keys the firmware gives to this kernel' };
  }
  return { trust: 'refused', why: `this kernel trusts the key of "${builtIn.subject}" alone` };
}

function hasFurther(configuration: TrustingKernel['configuration']): boolean {
  return Boolean(configuration.SYSTEM_TRUSTED_KEYS) || configuration.SYSTEM_EXTRA_CERTIFICATE === 'y';
}

/**
 * Whom a kernel trusts besides.
 * @param listed reads the firmware's lists, where they count
 */
export function othersOf(
  kernel: TrustingKernel,
  efi: boolean | undefined,
  listed: () => Listed,
): OtherSigners {
  const { configuration, builtIn, patched } = kernel;
  const mayCount =
    configuration.INTEGRITY_PLATFORM_KEYRING === 'y' || configuration.INTEGRITY_MACHINE_KEYRING === 'y';
  // A distribution's own key signs no module of ours; who builds a kernel may have signed one with that kernel's.
  const isAll = !hasFurther(configuration) && (builtIn !== undefined || patched);
  if (!mayCount || efi === false) return { enrolled: [], isAll };
  const { certificates, isAll: isWhole } = listed();
  const enrolled = certificates.map(({ certificate, enrolment }) => ({
    identity: certificate,
    verdict: trustOf(certificate, kernel, enrolment, efi),
  }));
  return { enrolled, isAll: isAll && isWhole };
}

/** Whether a kernel takes a module, by what the module carries. */
export function acceptanceOf(
  signature: Signature | undefined,
  { builtIn, keys, signFile, others }: Pick<KernelSigning, 'builtIn' | 'keys' | 'signFile' | 'others'>,
): Verdict {
  if (signature === undefined) return { trust: 'refused', why: 'it is not signed' };
  const { signer } = signature;
  if (signature.serial === undefined) return { trust: 'unknown', why: 'modinfo cannot tell who signed it' };
  if (builtIn !== undefined && isBy(signature, builtIn)) {
    return { trust: 'accepted', why: "it is signed with the kernel's own key" };
  }
  const known = [...keys, ...others.enrolled].find(
    ({ identity }) => identity !== undefined && isBy(signature, identity),
  );
  if (known !== undefined)
    return { trust: known.verdict.trust, why: `signed by "${signer}": ${known.verdict.why}` };
  // A mere user may not read every certificate.
  const isHidden = keys.some(({ identity, flaw }) => identity === undefined && flaw === undefined);
  const why = `it is signed by "${signer}", whose certificate is not known here`;
  // It may be the kernel's own, whose certificate went with the build tree: then nothing here tells.
  const isTold = builtIn !== undefined || signFile !== undefined;
  const isStranger = isTold && others.isAll && !isHidden && keys.some(({ flaw }) => flaw === undefined);
  return { trust: isStranger ? 'refused' : 'unknown', why };
}

/** The kernel finds the certificate of a signature by issuer and serial number, and so do we. */
export function isBy({ serial, signer }: Signature, certificate: Certificate): boolean {
  return serial === certificate.serial && (signer === undefined || signer === certificate.issuer);
}
