// Folders with all that leads to them.
import { dirname } from 'node:path';

type Raw = Pick<typeof import('node:fs'), 'mkdirSync' | 'statSync'>;

/**
 * Makes a folder and those above it that are missing. Node's own way never ends below a folder that was removed
 * while it is mounted somewhere else: the kernel says ENOENT there to whatever is to be made.
 * @throws the file system's error where the folder is not there in the end
 */
export function makeFolders(raw: Raw, path: string, mode: number): void {
  if (isFolder(raw, path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolders(raw, parent, mode);
  try {
    raw.mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (!isFolder(raw, path)) throw error;
  }
}

function isFolder(raw: Raw, path: string): boolean {
  return raw.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
