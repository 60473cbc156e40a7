// Has a built module signed with the key that was found for its kernel, and reads the signature back.
import type { DkmsSigning } from '../dkms/commands.ts';
import type { Diagnosis } from '../dkms/diagnose.ts';
import type { InstalledModule } from '../driver/driver.ts';
import { readModule } from '../driver/installed.ts';
import { withoutPin } from '../host/without-pin.ts';
import { isToken, splitPin } from '../signing/keys.ts';
import { signModule } from '../signing/sign.ts';
import type { KernelSigning, SigningKey } from '../signing/signing.ts';
import { acceptanceOf, isBy } from '../signing/trust.ts';
import type { ReadyTree } from './apply-archive.ts';
import { observeSignatures } from './observe-signing.ts';
import type { Work } from './work.ts';

/** What signing is about for a kernel; where its build tree comes from the archive, what that one holds counts. */
export function signingIn(
  { host, observation }: Work,
  { kernel, folder }: ReadyTree,
): KernelSigning | undefined {
  const { config, dkms, modules, signing } = observation;
  const { kernels } =
    folder === undefined ? signing : observeSignatures(host, { config, dkms, kernels: [kernel], modules });
  return kernels.get(kernel.release);
}

/**
 * What dkms is told to sign with; nothing where there is no key, so that it makes none. Nor where its own configuration
 * names another key, which would count more for it, and which it would make if it is not there. Nor where a PIN opens the key.
 */
export function dkmsSigning(work: Work, signing: KernelSigning | undefined): DkmsSigning | undefined {
  if (signing?.key === undefined || signing.signFile === undefined) return undefined;
  const { key, certificate } = signing.key;
  // dkms would put a token's on a command line, and has no way to be told of another.
  if (splitPin(signing.key).pin !== undefined) return undefined;
  const own = work.observation.dkms.key;
  if (own !== undefined && (own.key !== key || own.certificate !== certificate)) return undefined;
  return { key, certificate, signFile: signing.signFile };
}

/** Why dkms would make a key whatever it is told: its configuration names both a program and a key that is not there. */
export function inventedKey({ host, observation }: Work): Diagnosis | undefined {
  const { key, signFile } = observation.dkms;
  const { fs } = host;
  if (key === undefined || signFile === undefined || !fs.exists(signFile)) return undefined;
  if (isToken(key.key) || (fs.exists(key.key) && fs.exists(key.certificate))) return undefined;
  return {
    code: 'would-make-key',
    headline: `dkms would make a signing key unasked: ${key.place} names sign_file and ${key.key}, which is not there`,
    hint: `bring the key and its certificate back, or take sign_file out of ${key.place}; then: ttkmdctl reconcile`,
    // Looking again costs nothing, and what is missing may be back.
    transient: true,
  };
}

/** Why nothing that is built here would be taken; without a key it stays so, and nothing is built. */
export function unsignable(signing: KernelSigning | undefined): Diagnosis | undefined {
  if (signing?.obstacle === undefined) return undefined;
  const { text, hint } = signing.obstacle;
  // Enrolling changes the key's standing, and nothing that a failure is remembered by.
  const isWaiting = /^(?:to-enroll|pending)$/.test(signing.key?.verdict.trust ?? '');
  return { code: 'no-signing-key', headline: text, hint, transient: isWaiting, unsupported: !isWaiting };
}

export interface SignedBuild {
  /** For the build's log. */
  readonly lines: readonly string[];
  /** Why this module cannot be used. */
  readonly failure: Diagnosis | undefined;
  /** It was not signed, and its kernel takes it all the same. */
  readonly warning: string | undefined;
}

/** Reads the signature of what dkms built, and signs it here where that is not the one that counts. */
export async function signBuilt(
  work: Work,
  release: string,
  path: string,
  signing: KernelSigning | undefined,
): Promise<SignedBuild> {
  const { key, signFile } = signing ?? {};
  if (signing === undefined || key === undefined || signFile === undefined) {
    return { lines: [], failure: undefined, warning: undefined };
  }
  const said = `signed with ${key.name} (${key.place}), certificate ${key.certificate}`;
  if (isWith(key, await readModule(work.host, release, path))) {
    return { lines: [said], failure: undefined, warning: undefined };
  }
  const why = await signModule(work.host, path, { ...key, hash: signing.hash, signFile });
  const isSigned = why === undefined && isWith(key, await readModule(work.host, release, path));
  if (isSigned) {
    return { lines: [`${said}; by ttkmd, since dkms has not`], failure: undefined, warning: undefined };
  }
  const { text, passes } = why ?? { text: 'the signature that was read back is another one', passes: false };
  return notSigned(signing, key, withoutSecret(text, key), passes);
}

function withoutSecret(text: string, { key, name, pin }: SigningKey): string {
  const plain = withoutPin(text.replaceAll(key, name));
  return pin === undefined ? plain : plain.replaceAll(pin, '…');
}

function notSigned(
  { needed, release }: KernelSigning,
  key: SigningKey,
  why: string,
  passes: boolean,
): SignedBuild {
  const headline = `the module could not be signed with ${key.name}`;
  const lines = [`${headline}: ${why}`];
  if (!needed)
    return { lines, failure: undefined, warning: `${headline} (${why}); this kernel loads it all the same` };
  const failure: Diagnosis = {
    code: 'signing-failed',
    headline,
    cause: why,
    hint: passes
      ? `make room, or install what is missing (app-arch/xz-utils, app-arch/zstd, app-arch/gzip); then: ttkmdctl reconcile --kernel ${release}`
      : `see that key and certificate belong together (ttkmdctl signing status), and that what opens the key, if it has a passphrase, is KBUILD_SIGN_PIN in make.conf; then: ttkmdctl reconcile --kernel ${release}`,
    transient: passes,
  };
  return { lines, failure, warning: undefined };
}

/** A modinfo that knows no certificates tells of the signature alone. */
function isWith({ identity }: SigningKey, { signature }: InstalledModule): boolean {
  if (signature === undefined || identity === undefined) return false;
  return signature.serial === undefined || isBy(signature, identity);
}

/** Why a kernel that enforces signatures would not take a module; undefined where it would, or nothing tells. */
export function signatureFlaw(
  { observation, signing: built }: Work,
  release: string,
  { signature }: InstalledModule,
): string | undefined {
  const signing = built.get(release) ?? observation.signing.kernels.get(release);
  if (!signing?.needed) return undefined;
  const { trust, why } = acceptanceOf(signature, signing);
  if (trust === 'refused' || (trust === 'unknown' && isSignedElsewhere(signing, signature)))
    return `${why}, and ${release} takes signed modules only`;
  return undefined;
}

/** It was signed with a key that the kernel takes, and somebody has signed it anew. */
function isSignedElsewhere({ key }: KernelSigning, signature: InstalledModule['signature']): boolean {
  if (key?.identity === undefined || key.verdict.trust !== 'accepted') return false;
  return signature?.serial !== undefined && !isBy(signature, key.identity);
}
