// Looks at keys, at the machine and at each kernel: what signing is about here.
import type { HostFs } from '../host/fs.ts';
import { identityOf, type ReadCertificate, readCertificate } from './certificate.ts';
import { enforcementOf } from './enforcement.ts';
import { buildTreeKey, builtInCertificate, examineKey, type FoundKey, isOutside } from './keys.ts';
import { type Listed, listedCertificates } from './listed.ts';
import {
  type Enrolment,
  enrolmentOf,
  type FirmwareLists,
  observeMachine,
  readFirmwareLists,
} from './machine.ts';
import { type Named, namedKeys, type SigningSettings } from './named-keys.ts';
import { signingNeed } from './need.ts';
import type { NamedKey } from './portage.ts';
import type { Certificate, KernelSigning, MachineSigning, SigningKey, Verdict } from './signing.ts';
import { othersOf, type TrustingKernel, trustOf } from './trust.ts';

export interface SignedKernel {
  readonly release: string;
  readonly running: boolean;
  readonly configuration: Readonly<Record<string, string>>;
  readonly buildTree: { readonly path: string | undefined };
  readonly origin: { readonly kind: string };
  /** The kernel's own certificate as it is remembered, for where its build tree is gone. */
  readonly builtIn?: Certificate | undefined;
  /** What has that certificate then. */
  readonly archive?: string | undefined;
}

export interface ObservedSigning {
  readonly machine: MachineSigning;
  readonly kernels: ReadonlyMap<string, KernelSigning>;
}

export interface SigningFacts {
  readonly settings: SigningSettings;
  /** What dkms's own configuration names. */
  readonly dkms: NamedKey | undefined;
  readonly kernels: readonly SignedKernel[];
  /** The system is looked at from outside or in a chroot. */
  readonly elsewhere: boolean;
}

/** What each kernel enforces and what modules for it are signed with. */
export function observeSigning(fs: HostFs, facts: SigningFacts): ObservedSigning {
  const machine = observeMachine(fs, facts.elsewhere);
  const named = namedKeys(fs, facts);
  const certificates = rememberCertificates(fs, machine);
  const kernels = facts.kernels.map((kernel) => observeKernel(fs, kernel, machine, named, certificates));
  return { machine, kernels: new Map(kernels.map((one) => [one.release, one])) };
}

interface Certificates {
  readonly read: (path: string) => ReadCertificate | undefined;
  readonly enrolment: (certificate: ReadCertificate) => Enrolment;
  readonly listed: () => Listed;
}

/** Most kernels share their keys, and the firmware answers slowly. */
function rememberCertificates(fs: HostFs, machine: MachineSigning): Certificates {
  const read = new Map<string, ReadCertificate | undefined>();
  let lists: { readonly read: FirmwareLists | undefined } | undefined;
  let listed: Listed | undefined;
  const ask = (): FirmwareLists | undefined => {
    lists ??= { read: readFirmwareLists(fs, machine) };
    return lists.read;
  };
  return {
    read(path) {
      if (!read.has(path)) read.set(path, readCertificate(fs, path));
      return read.get(path);
    },
    enrolment: ({ raw }) => enrolmentOf(ask(), raw),
    listed() {
      listed ??= listedCertificates(ask());
      return listed;
    },
  };
}

function observeKernel(
  fs: HostFs,
  kernel: SignedKernel,
  machine: MachineSigning,
  { before, after, pin }: Named,
  certificates: Certificates,
): KernelSigning {
  const { release, configuration } = kernel;
  const tree = kernel.buildTree.path;
  const enforcement = enforcementOf(kernel, machine);
  const isOf = enforcement.state === 'ignored' ? undefined : tree;
  const read = isOf === undefined ? undefined : certificates.read(builtInCertificate(isOf));
  const builtIn = read === undefined ? kernel.builtIn : identityOf(read);
  const trusting = { configuration, patched: kernel.origin.kind === 'distribution', builtIn };
  const judged = (key: FoundKey): SigningKey => withVerdict(fs, key, trusting, machine, certificates);
  const own = isOf === undefined ? undefined : buildTreeKey(fs, isOf, configuration.MODULE_SIG_KEY, pin);
  const found = [...before, ...(own === undefined ? [] : [own])].map(judged);
  const keys =
    enforcement.state === 'ignored' ? [] : [...found, ...keyOfArchive(fs, kernel), ...after.map(judged)];
  const signFile = tree === undefined ? undefined : signProgram(fs, tree);
  // Elsewhere nobody minds a stranger, and the firmware need not be asked.
  const listed = enforcement.state === 'enforced' ? certificates.listed : nobodyAsked;
  return {
    release,
    enforcement,
    builtIn,
    others: othersOf(trusting, machine.efi, listed),
    keys,
    signFile,
    hash: configuration.MODULE_SIG_HASH || 'sha512',
    ...signingNeed({ release, enforcement, keys, signFile, hasTree: tree !== undefined }),
  };
}

function withVerdict(
  fs: HostFs,
  key: FoundKey,
  kernel: TrustingKernel,
  { efi }: MachineSigning,
  certificates: Certificates,
): SigningKey {
  const certificate = certificates.read(key.certificate);
  if (certificate === undefined) {
    const verdict: Verdict = { trust: 'unknown', why: 'its certificate could not be read' };
    return { ...key, identity: undefined, flaw: key.flaw ?? unreadable(fs, key), verdict };
  }
  // The kernel's own is trusted anyway.
  const isOwn = certificate.hash === kernel.builtIn?.hash;
  const enrolment = isOwn ? 'unknown' : certificates.enrolment(certificate);
  return {
    ...key,
    identity: identityOf(certificate),
    verdict: trustOf(certificate, kernel, enrolment, efi),
  };
}

/** The kernel's own key, where that outlives its build tree: the certificate is in the archive, and remembered. */
function keyOfArchive(fs: HostFs, { archive, configuration, builtIn }: SignedKernel): SigningKey[] {
  const key = configuration.MODULE_SIG_KEY ?? '';
  if (archive === undefined || builtIn === undefined || !isOutside(key)) return [];
  const place = `CONFIG_MODULE_SIG_KEY of ${archive}`;
  const found = examineKey(fs, { origin: 'build-tree', place, key, certificate: archive });
  return [{ ...found, identity: builtIn, verdict: { trust: 'accepted', why: "it is the kernel's own" } }];
}

function nobodyAsked(): Listed {
  return { certificates: [], isAll: false };
}

/** Ubuntu's kernels bring no sign-file, and its package sbsigntool the same under another name. */
function signProgram(fs: HostFs, tree: string): string | undefined {
  return [`${tree}/scripts/sign-file`, '/usr/bin/kmodsign'].find((path) => fs.exists(path));
}

function unreadable(fs: HostFs, { name, certificate }: FoundKey): SigningKey['flaw'] {
  // What is kept from a mere user may be in order.
  if (fs.denied.has(certificate)) return undefined;
  return {
    code: 'certificate-missing',
    text: `${certificate} holds no certificate for the signing key ${name}`,
    hint: 'name the file with the certificate: certificate in the section [signing] of /etc/ttkmd/ttkmd.conf, or MODULES_SIGN_CERT in make.conf',
  };
}
