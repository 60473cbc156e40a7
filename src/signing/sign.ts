// Signs a module with the kernel's own program, where dkms has not, or not with the key that counts.
import type { Host } from '../host/host.ts';

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
  readonly certificate: string;
  readonly hash: string;
  readonly signFile: string;
}

/**
 * Signs a module file in its place; a signature that it carries makes way.
 * @returns what went wrong; undefined where all is well
 */
export async function signModule(
  host: Pick<Host, 'fs' | 'exec'>,
  path: string,
  { key, certificate, hash, signFile }: SigningOrder,
): Promise<string | undefined> {
  const packer = PACKERS[/\.ko\.(\w+)$/.exec(path)?.[1] ?? ''];
  const plain = packer === undefined ? path : path.replace(/\.\w+$/, '');
  const run = async ([command = '', ...args]: readonly string[]): Promise<string | undefined> => {
    const { code, stderr } = await host.exec.query(command, args);
    return code === 0
      ? undefined
      : (stderr.trim().split('\n').at(-1) ?? '') || `${command} ended with ${code}`;
  };
  return (
    (packer && (await run([...packer.unpack, path]))) ??
    removeSignature(host, plain) ??
    (await run([signFile, hash, key, certificate, plain])) ??
    (packer && (await run([...packer.pack, plain])))
  );
}

/** The kernel looks at the last signature alone, and so does whoever reads it back. */
function removeSignature({ fs }: Pick<Host, 'fs'>, path: string): string | undefined {
  const content = fs.readBytes(path);
  if (content === undefined) return `${path} is not there`;
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
