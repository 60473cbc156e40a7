// Which keys there are to sign a kernel's modules with, in the order in which they count.
import type { HostFs } from '../host/fs.ts';
import { quoted } from '../host/shell-word.ts';
import { withoutPin } from '../host/without-pin.ts';
import type { NamedKey } from './portage.ts';
import type { KeyFlaw, KeyOrigin } from './signing.ts';

/** What names a key, as it is written. */
export interface Naming extends NamedKey {
  readonly origin: KeyOrigin;
  /** A folder that a relative path counts from; undefined where only absolute ones say anything. */
  readonly folder?: string;
  readonly pin?: string | undefined;
}

export interface FoundKey {
  readonly origin: KeyOrigin;
  readonly place: string;
  readonly key: string;
  readonly name: string;
  readonly certificate: string;
  readonly flaw: KeyFlaw | undefined;
  /** What opens it, where that stands elsewhere than in the key's own name. */
  readonly pin?: string | undefined;
}

/** Others than its owner and its group may read it. */
const FOR_OTHERS = 0o007;

/** What was named, in absolute paths, and what is wrong with it. The key itself is never read. */
export function examineKey(fs: HostFs, naming: Naming): FoundKey {
  const { origin, place, folder, pin } = naming;
  const key = located(naming.key, folder);
  const certificate = naming.certificate === undefined ? key : located(naming.certificate, folder);
  const name = shownName(key);
  return { origin, place, key, name, certificate, flaw: flawOf(fs, key, certificate, place), pin };
}

/** A key's name for people. */
export function shownName(key: string): string {
  return withoutPin(key);
}

export function isToken(key: string): boolean {
  return key.startsWith('pkcs11:');
}

/** Whether a key that a kernel's configuration names lies elsewhere than in the build tree. */
export function isOutside(key: string): boolean {
  return key.startsWith('/') || isToken(key);
}

export interface OpenedKey {
  /** The key as it may stand on a command line, where every user of the machine reads it. */
  readonly uri: string;
  /** What opens it; undefined where nothing here tells. */
  readonly pin: string | undefined;
}

/** A token's URI without its PIN (RFC 7512), which may be among the query's attributes or the path's. */
export function splitPin({ key, pin }: Pick<FoundKey, 'key' | 'pin'>): OpenedKey {
  const found = isToken(key) ? /([;?&])pin-value=([^;&]*)/i.exec(key) : null;
  if (found === null) return { uri: key, pin };
  const [whole, before = '', own = ''] = found;
  const rest = key.slice(found.index + whole.length);
  // What follows takes the place, and with it the sign, of what is left out.
  return { uri: `${key.slice(0, found.index)}${rest && before + rest.slice(1)}`, pin: decoded(own) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function located(path: string, folder: string | undefined): string {
  return isOutside(path) || folder === undefined ? path : `${folder}/${path}`;
}

function flawOf(fs: HostFs, key: string, certificate: string, place: string): KeyFlaw | undefined {
  return (isToken(key) ? undefined : keyFlaw(fs, key, place)) ?? certificateFlaw(fs, key, certificate, place);
}

function keyFlaw(fs: HostFs, key: string, place: string): KeyFlaw | undefined {
  if (!key.startsWith('/')) {
    return {
      code: 'key-relative',
      text: `the signing key ${shownName(key)}, which ${place} names, is no absolute path`,
      hint: `name it in ${place} with its whole path`,
    };
  }
  const info = fs.stat(key);
  // What is kept from a mere user may be in order.
  if (info === undefined && fs.denied.has(key)) return undefined;
  if (info?.kind !== 'file') {
    return {
      code: 'key-missing',
      text: `the signing key ${shownName(key)}, which ${place} names, is not there`,
      hint: `bring it back, or name another one in ${place}; nobody makes a new one unasked`,
    };
  }
  if ((info.mode & FOR_OTHERS) === 0) return undefined;
  return {
    code: 'key-exposed',
    text: `the signing key ${shownName(key)} is open to everybody: nothing is signed with it, since anybody could have taken it`,
    hint: `chmod go= ${quoted(key)}; if anybody else uses this machine, make a new key, and enroll that one`,
  };
}

function certificateFlaw(fs: HostFs, key: string, certificate: string, place: string): KeyFlaw | undefined {
  if (
    !isToken(certificate) &&
    certificate.startsWith('/') &&
    (fs.exists(certificate) || fs.denied.has(certificate))
  ) {
    return undefined;
  }
  const text = isToken(certificate)
    ? `the signing key ${shownName(key)}, which ${place} names, has no certificate beside it`
    : `the certificate ${certificate} of the signing key ${shownName(key)} is not there`;
  return {
    code: 'certificate-missing',
    text,
    hint: 'name the file: certificate in the section [signing] of /etc/ttkmd/ttkmd.conf, or MODULES_SIGN_CERT in make.conf',
  };
}

/** The pair that the kernel's own modules were signed with, as its configuration names it. */
export function buildTreeKey(
  fs: HostFs,
  tree: string,
  option: string | undefined,
  pin?: string,
): FoundKey | undefined {
  if (option === undefined || option === '') return undefined;
  const own = builtInCertificate(tree);
  const place = `CONFIG_MODULE_SIG_KEY of ${tree}`;
  const certificate = fs.exists(own) ? own : undefined;
  const found = examineKey(fs, { origin: 'build-tree', place, key: option, certificate, folder: tree, pin });
  if (found.flaw?.code !== 'key-missing') return found;
  // Debian's headers have neither. Portage's binary packages have the certificate alone.
  if (certificate === undefined) return undefined;
  const flaw: KeyFlaw = {
    code: 'certificate-only',
    text: `${tree} has the certificate of its kernel and not the key: that was made for one build and thrown away with it`,
    hint: 'build the kernel here with a key of your own: MODULES_SIGN_KEY in /etc/portage/make.conf, USE=modules-sign, then emerge sys-kernel/gentoo-kernel',
  };
  return { ...found, flaw };
}

/** The certificate that make compiles into a kernel, whatever its key is called. */
export function builtInCertificate(tree: string): string {
  return `${tree}/certs/signing_key.x509`;
}
