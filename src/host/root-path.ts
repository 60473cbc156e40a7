// Paths under a root: an absolute link inside it means a place inside it, and `..` never leads out.
import { EXIT, TtkmdError } from './errors.ts';
import type { RawFs } from './raw-fs.ts';

/** As many links as the kernel follows before it says ELOOP (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * Where `path`, seen from inside `root`, is on this machine.
 * @param followLast whether a link at the very end is followed too
 * @throws TtkmdError with the code ELOOP where there are too many links: what is not followed here to its end, the
 * system would follow, and out of the root
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
    if (target === undefined) {
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) throw tooManyLinks(root, path);
    if (target.startsWith('/')) done = [];
    pending = [...target.split('/').filter(isPart), ...pending];
  }
  return [root, ...done].join('/');
}

function tooManyLinks(root: string, path: string): TtkmdError {
  return new TtkmdError(
    'ELOOP',
    `There are too many symbolic links on the way to ${path} in ${root}, or they lead in a circle.`,
    `See where they lead: namei ${root}${path}`,
    EXIT.stepFailed,
  );
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
