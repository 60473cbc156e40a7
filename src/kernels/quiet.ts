// Whether somebody is still writing into a folder: kernels and driver sources arrive over minutes, file by file.
import type { Host } from '../host/host.ts';

/**
 * When something in a folder last changed, if that was after a moment. A folder's own change time tells that an
 * entry came or went in it, and nobody can set it back, whatever times cp, rsync and tar restore; so the folders of
 * a tree are enough, of which a kernel has five thousand, and the files at its top.
 * @param since milliseconds since 1970
 * @returns milliseconds since 1970; undefined where all has been quiet
 */
export async function changedSince(
  host: Pick<Host, 'exec' | 'clock'>,
  path: string,
  since: number,
): Promise<number | undefined> {
  const newer = ['-newerct', `@${(since / 1000).toFixed(3)}`, '-printf', '%C@\\n'];
  const answer = await host.exec.query('find', [
    '-H',
    path,
    '(',
    '-type',
    'd',
    '-o',
    '-path',
    `${path}/*`,
    '-not',
    '-path',
    `${path}/*/*`,
    ')',
    ...newer,
  ]);
  const now = host.clock.now();
  // What lies further ahead than we look back is of a clock that was wrong then: waiting for it could take years.
  const times = answer.stdout
    .split('\n')
    .map((seconds) => Number(seconds) * 1000)
    .filter((time) => time > 0 && time - now <= now - since);
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}
