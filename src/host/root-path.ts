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
  const parts = walkPath(path, (here, isLast) =>
    !isLast || followLast ? readLink(raw, [root, ...here].join('/')) : undefined,
  );
  if (parts === undefined) throw tooManyLinks(root, path);
  return [root, ...parts].join('/');
}

/**
 * Goes along a path part by part, as the kernel does.
 * @param linkAt where the link leads that the parts so far are; undefined where they are none, `false` to go no further
 * @returns the parts that it ends at; undefined where it went no further, or there were too many links
 */
export function walkPath(
  path: string,
  linkAt: (parts: readonly string[], isLast: boolean) => string | undefined | false,
): string[] | undefined {
  let pending = partsOf(path);
  let done: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = linkAt([...done, part], pending.length === 0);
    if (target === false) return undefined;
    if (target === undefined) {
      done.push(part);
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) return undefined;
    if (target.startsWith('/')) done = [];
    pending = [...partsOf(target), ...pending];
  }
  return done;
}

function tooManyLinks(root: string, path: string): TtkmdError {
  return new TtkmdError(
    'ELOOP',
    `There are too many symbolic links on the way to ${path} in ${root}, or they lead in a circle.`,
    `See where they lead: namei ${root}${path}`,
    EXIT.stepFailed,
  );
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function readLink(raw: Pick<RawFs, 'readlinkSync'>, path: string): string | undefined {
  try {
    return raw.readlinkSync(path).toString();
  } catch {
    return undefined;
  }
}
