// Where a path of a sandbox is to be found from outside.
import { lstatSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';

// Linux gives up on a chain of links after as many.
const LINK_LIMIT = 40;

/**
 * The kernel would take an absolute link under /proc/PID/root to the machine's own root, so links
 * are followed here, one by one.
 * @param pid a process inside
 * @param followLast whether a link at the end of the path is followed, too
 */
export function outside(pid: number, path: string, followLast = true): string {
  const root = `/proc/${pid}/root`;
  const pending = path.split('/').filter((name) => name !== '');
  let at = '/';
  let links = 0;
  for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
    const next = posix.join(at, name);
    if (pending.length > 0 || followLast) {
      const target = linkTarget(root + next);
      if (target !== undefined) {
        links += 1;
        if (links > LINK_LIMIT) throw new Error(`${path}: too many links`);
        pending.unshift(...target.split('/').filter((part) => part !== ''));
        if (target.startsWith('/')) at = '/';
        continue;
      }
    }
    at = next;
  }
  return root + at;
}

export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
