// What a module on disk takes from its kernel: the symbols that it imports, with the versions it was built against.
import type { Host } from '../host/host.ts';

/**
 * Imported symbols with their versions (`0x92997ed8`), by name. Empty where the module carries none, as without
 * CONFIG_MODVERSIONS; undefined where it cannot be read. kmod knows every way in which a module may be packed.
 */
export async function importedSymbols(
  host: Pick<Host, 'exec'>,
  path: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  const { code, stdout } = await host.exec.query('modprobe', ['--dump-modversions', path]);
  if (code !== 0) return undefined;
  return new Map(
    stdout.split('\n').flatMap((line): [string, string][] => {
      const [version, name] = line.split('\t');
      return version === undefined || name === undefined ? [] : [[name, version]];
    }),
  );
}
