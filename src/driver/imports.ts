// What a module on disk takes from its kernel: the symbols that it imports, with the versions it was built against.
import type { Host } from '../host/host.ts';
import { elfSection } from './elf.ts';

/** With these programs a packed module is read; their text is all that gets through a pipe. */
const UNPACKERS: Readonly<Record<string, string>> = { gz: 'gzip', xz: 'xz', zst: 'zstd' };

/**
 * Imported symbols with their versions (`0x92997ed8`), by name. Empty where the module carries none, as without
 * CONFIG_MODVERSIONS; undefined where it cannot be read.
 * @param isExtended the kernel writes versions in the way of CONFIG_EXTENDED_MODVERSIONS, which no kmod prints, and
 * may write them in no other
 */
export async function importedSymbols(
  host: Pick<Host, 'exec' | 'fs'>,
  path: string,
  isExtended = false,
): Promise<ReadonlyMap<string, string> | undefined> {
  // kmod knows every way in which a module may be packed.
  const { code, stdout } = await host.exec.query('modprobe', ['--dump-modversions', path]);
  const printed = code === 0 ? parsed(stdout) : undefined;
  if (!isExtended || (printed !== undefined && printed.size > 0)) return printed;
  const module = await readUnpacked(host, path);
  return module === undefined ? printed : extendedVersions(module);
}

function parsed(output: string): Map<string, string> {
  return new Map(
    output.split('\n').flatMap((line): [string, string][] => {
      const [version, name] = line.split('\t');
      return version === undefined || name === undefined ? [] : [[name, version]];
    }),
  );
}

/** Numbers of 32 bits in one section, and names in their order in another (`add_extended_versions` of modpost). */
function extendedVersions(module: Buffer): Map<string, string> {
  const crcs = elfSection(module, '__version_ext_crcs') ?? Buffer.alloc(0);
  const names = elfSection(module, '__version_ext_names')?.toString('latin1').split('\0') ?? [];
  return new Map(
    Array.from({ length: Math.floor(crcs.length / 4) }, (_, index): [string, string] => [
      names[index] ?? '',
      `0x${crcs
        .readUInt32LE(index * 4)
        .toString(16)
        .padStart(8, '0')}`,
    ]),
  );
}

async function readUnpacked(host: Pick<Host, 'exec' | 'fs'>, path: string): Promise<Buffer | undefined> {
  const unpacker = UNPACKERS[path.match(/\.ko\.(\w+)$/)?.[1] ?? ''];
  if (unpacker === undefined) return host.fs.readBytes(path);
  const script = '"$1" -dc <"$2" | base64 -w 0';
  const { code, stdout } = await host.exec.query('sh', ['-c', script, 'sh', unpacker, path]);
  return code === 0 && stdout !== '' ? Buffer.from(stdout, 'base64') : undefined;
}
