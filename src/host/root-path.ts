// Paths under a root: an absolute link inside it means a place inside it, and `..` never leads out.
import type { RawFs } from './raw-fs.ts';

/** As many links as the kernel follows before it says ELOOP. */
const MOST_LINKS = 40;

/**
 * Where `path`, seen from inside `root`, is on this machine.
 * @param followLast whether a link at the very end is followed too
 */
export function resolveInRoot(
  raw: Pick<RawFs, 'readlinkSync'>,
  root: string,
  path: string,
  followLast: boolean,
): string {
  if (root === '/') return path;
  let pending = path.split('/').filter(isPart);
  let done: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = [root, ...done, part].join('/');
    const target = pending.length > 0 || followLast ? readLink(raw, here) : undefined;
    if (target === undefined || links >= MOST_LINKS) {
      done.push(part);
      continue;
    }
    links += 1;
    if (target.startsWith('/')) done = [];
    pending = [...target.split('/').filter(isPart), ...pending];
  }
  return [root, ...done].join('/');
}

function isPart(part: string): boolean {
  return part !== '' && part !== '.';
}

function readLink(raw: Pick<RawFs, 'readlinkSync'>, path: string): string | undefined {
  try {
    return raw.readlinkSync(path).toString();
  } catch {
    return undefined;
  }
}
