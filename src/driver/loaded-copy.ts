// A copy of the module that is in the kernel, kept when its file is replaced: should its successor not load, it is put back.
import type { HostFs } from '../host/fs.ts';

/**
 * In memory: it is worth something as long as the module is loaded, and a power cut ends both. Each copy lies in a
 * folder that is called by its srcversion.
 */
const FOLDER = '/run/ttkmd/loaded';

/** Where the copy of a loaded module is; undefined where there is none, or the module cannot be told from others. */
export function findLoadedCopy(fs: HostFs, sourceVersion: string | undefined): string | undefined {
  const folder = folderOf(sourceVersion);
  if (folder === undefined) return undefined;
  const [name] = fs.list(folder).filter((one) => !one.startsWith('.'));
  return name === undefined ? undefined : `${folder}/${name}`;
}

/**
 * Keeps the file of the loaded module. Copies of modules that were loaded earlier go.
 * @param path the file that it was loaded from, before that is replaced
 */
export function keepLoadedCopy(fs: HostFs, path: string, sourceVersion: string | undefined): void {
  const folder = folderOf(sourceVersion);
  if (folder === undefined || findLoadedCopy(fs, sourceVersion) !== undefined) return;
  dropLoadedCopies(fs);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const draft = `${folder}/.${name}.new`;
  try {
    fs.copy(path, draft);
    fs.rename(draft, `${folder}/${name}`);
  } catch {
    // Without room in memory there is no copy, and then nothing is reloaded by itself while the machine is used.
    fs.removeTree(folder);
  }
}

/** No module that is loaded has a file that is not on disk any more. */
export function dropLoadedCopies(fs: HostFs): void {
  fs.removeTree(FOLDER);
}

function folderOf(sourceVersion: string | undefined): string | undefined {
  return /^\w+$/.test(sourceVersion ?? '') ? `${FOLDER}/${sourceVersion}` : undefined;
}
