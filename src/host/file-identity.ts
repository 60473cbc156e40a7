// Files in a word: what was found in one is good as long as its word is the same.
import type { HostFs } from './fs.ts';

/** A word for a file, which is another one once that is replaced or gone. */
export function fileIdentity(fs: HostFs, path: string): string {
  const info = fs.stat(path);
  return `${path}:${info === undefined ? 'absent' : `${info.inode}.${info.size}.${info.changed}`}`;
}
