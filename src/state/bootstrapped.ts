// What a bootstrap put on the machine, as far as others than the bootstrap have to know.
import type { HostFs } from '../host/fs.ts';

/** The bootstrap's journal: what it has done, and what takes that back. */
export const JOURNAL_PATH = '/var/lib/ttkmd/bootstrap.json';

/** Driver sources that a bootstrap unpacked: ttkmd's own to remove. A journal that cannot be read names none. */
export function bootstrappedSources(fs: HostFs): Set<string> {
  const text = fs.readText(JOURNAL_PATH);
  if (text === undefined) return new Set();
  try {
    const { steps } = JSON.parse(text) as {
      readonly steps: readonly {
        readonly undo: readonly { readonly kind: string; readonly path?: string }[];
      }[];
    };
    const trees = steps.flatMap(({ undo }) => undo.filter(({ kind }) => kind === 'tree'));
    return new Set(
      trees.flatMap(({ path = '' }) => (/^\/usr\/src\/tenstorrent-[^/]+$/.test(path) ? [path] : [])),
    );
  } catch {
    return new Set();
  }
}
