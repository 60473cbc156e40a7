// The module that is there, kept beside itself until its successor is installed and proved.
import type { HostFs } from '../host/fs.ts';
import { MODULE_FOLDERS, strayModules } from './installed.ts';

/** Depmod takes for a module what ends in `.ko` or `.ko.<compression>`: this ending does not. */
const ENDING = '.ttkmd-kept';

/** A module's copy, or the knowledge that there was none, and the way back. */
export interface KeptModule {
  /** The module is as it was, and what was put beside it since is gone. The index has to be made anew. */
  restore(): void;
  /** Its successor is proved: the copy goes. */
  drop(): void;
}

/**
 * Copies a release's module to a place beside it, on the same file system: that there is room for the copy is as good
 * as a proof that there is room for the successor.
 * @param path the module's file; undefined where there is none that is worth keeping
 * @throws what the file system says; nothing is left then
 */
export function keepModule(fs: HostFs, release: string, path: string | undefined): KeptModule {
  const before = new Set(strayModules(fs, release));
  const removeNew = (): void => {
    for (const other of strayModules(fs, release)) if (!before.has(other)) fs.remove(other);
  };
  if (path === undefined) return { restore: removeNew, drop() {} };
  const copy = keptPath(path);
  const was = fs.stat(path);
  const untouched = (): boolean => {
    const now = fs.stat(path);
    return now !== undefined && now.inode === was?.inode && now.changed === was.changed;
  };
  try {
    fs.copy(path, copy);
    fs.sync(copy);
  } catch (error) {
    fs.remove(copy);
    throw error;
  }
  return {
    restore() {
      removeNew();
      if (untouched()) fs.remove(copy);
      else putBack(fs, copy);
    },
    drop: () => fs.remove(copy),
  };
}

/** Puts a kept module in its place again. */
export function putBack(fs: HostFs, copy: string): void {
  const cut = copy.lastIndexOf('/') + 1;
  // dkms removes a folder that it has emptied, but this one holds the copy.
  fs.rename(copy, `${copy.slice(0, cut)}${copy.slice(cut + 1, -ENDING.length)}`);
}

/**
 * Copies that a killed run has left for a release.
 * @param known one that was written down: a module may lie anywhere
 */
export function findKept(fs: HostFs, release: string, known: string | undefined): string[] {
  const found = MODULE_FOLDERS.flatMap((name) => {
    const folder = `/lib/modules/${release}/${name}`;
    return fs
      .list(folder)
      .filter((file) => file.endsWith(ENDING))
      .map((file) => `${folder}/${file}`);
  });
  return [...new Set([...found, ...(known !== undefined && fs.exists(known) ? [known] : [])])];
}

/** Where the copy of a module is kept. */
export function keptPath(path: string): string {
  const cut = path.lastIndexOf('/') + 1;
  return `${path.slice(0, cut)}.${path.slice(cut)}${ENDING}`;
}
