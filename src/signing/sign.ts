// Signs a module with the kernel's own program, where dkms has not, or not with the key that counts.
import type { Host } from '../host/host.ts';
import { isToken, splitPin } from './keys.ts';

/** Ends every signed module (include/linux/module_signature.h); twelve bytes of description come before it. */
const MARK = Buffer.from('~Module signature appended~\n');
const DESCRIPTION = 12;

/** How dkms and the kernel's Makefile pack modules: in-kernel decompression wants this checksum of xz. */
const PACKERS: Readonly<Record<string, { unpack: readonly string[]; pack: readonly string[] }>> = {
  xz: { unpack: ['xz', '-d', '-f'], pack: ['xz', '--check=crc32', '--lzma2=dict=1MiB', '-f'] },
  zst: { unpack: ['zstd', '-d', '-q', '-f', '--rm'], pack: ['zstd', '-q', '-f', '--rm'] },
  gz: { unpack: ['gzip', '-d', '-f'], pack: ['gzip', '-n', '-f'] },
};

export interface SigningOrder {
  readonly key: string;
  readonly pin?: string | undefined;
  readonly certificate: string;
  readonly hash: string;
  readonly signFile: string;
}

export interface SigningFailure {
  readonly text: string;
  /** It may be over the next time. */
  readonly passes: boolean;
}

/**
 * Signs a module file in its place; a signature that it carries makes way.
 * @returns what went wrong; undefined where all is well
 */
export async function signModule(
  host: Pick<Host, 'fs' | 'exec'>,
  path: string,
  order: SigningOrder,
): Promise<SigningFailure | undefined> {
  const packer = PACKERS[/\.ko\.(\w+)$/.exec(path)?.[1] ?? ''];
  const plain = packer === undefined ? path : path.replace(/\.\w+$/, '');
  const run = async (
    [command = '', ...args]: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<SigningFailure | undefined> => {
    const { code, stderr } = await host.exec.query(command, args, { env });
    if (code === 0) return undefined;
    const text = lastWords(stderr) || `${command} ended with ${code}`;
    // It is not there, or a signal has ended it, or it found no room: nothing of that is the key's fault.
    const passes = code >= 127 || /No space left on device|Disk quota exceeded/.test(stderr);
    return { text: code === 127 ? `${command} could not be run: ${text}` : text, passes };
  };
  return (
    (packer && (await run([...packer.unpack, path]))) ??
    removeSignature(host, plain) ??
    (await run(...signCommand(host, order, plain))) ??
    (packer && (await run([...packer.pack, plain])))
  );
}

/** What a program said at last; sign-file names the file there, and before that OpenSSL's reasons, a line for each. */
function lastWords(stderr: string): string {
  const reasons = [...stderr.matchAll(/SSL error:\w+:[^:\n]*:[^:\n]*:([^:\n]+):/g)].map(
    ([, reason]) => reason,
  );
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return reasons.length === 0 ? last : `${last} (${[...new Set(reasons)].join(', ')})`;
}

/**
 * What opens a token, in a file that is gone from its folder before it is read: OpenSSL's provider takes it from a file
 * alone, and may read that more than once. `printf` is the shell's own.
 */
const WITH_PIN_IN_FILE =
  'f=$(mktemp /run/ttkmd/pin.XXXXXX) && printf %s "$KBUILD_SIGN_PIN" >"$f" && exec 3<"$f" && rm "$f" && exec "$@"';

/** The command that signs, and what is added to its environment: a command line is for everybody to read. */
function signCommand(
  { fs }: Pick<Host, 'fs'>,
  order: SigningOrder,
  path: string,
): [readonly string[], Readonly<Record<string, string>>?] {
  const { certificate, hash, signFile } = order;
  const { uri, pin } = splitPin(order);
  const rest = [certificate, path];
  if (pin === undefined) return [[signFile, hash, uri, ...rest]];
  const env = { KBUILD_SIGN_PIN: pin };
  if (!isToken(uri)) return [[signFile, hash, uri, ...rest], env];
  // Where it was built with OpenSSL 3, sign-file asks the provider, and hands on no PIN from its environment.
  const asksProvider = fs.readBytes(signFile)?.includes('OSSL_STORE_open') === true;
  if (!asksProvider) return [[signFile, hash, uri, ...rest], env];
  const source = `${uri}${uri.includes('?') ? '&' : '?'}pin-source=file:/proc/self/fd/3`;
  return [['sh', '-c', WITH_PIN_IN_FILE, 'sh', signFile, hash, source, ...rest], env];
}

/** The kernel looks at the last signature alone, and so does whoever reads it back. */
function removeSignature({ fs }: Pick<Host, 'fs'>, path: string): SigningFailure | undefined {
  const content = fs.readBytes(path);
  if (content === undefined) return { text: `${path} is not there`, passes: true };
  const length = unsignedLength(content);
  if (length < content.length) fs.write(path, content.subarray(0, length));
  return undefined;
}

/** How much of a module's file is before its signature. */
export function unsignedLength(content: Buffer): number {
  const mark = content.length - MARK.length;
  if (mark < DESCRIPTION || !content.subarray(mark).equals(MARK)) return content.length;
  const length = mark - DESCRIPTION - content.readUInt32BE(mark - 4);
  return length < 0 ? content.length : length;
}
