// Waits for what only a program can tell, without asking it all the time: it costs what a build could have.

import { statSync } from 'node:fs';
import { doneCount, installedVersion, statusOf, until } from './machine.ts';
import type { Sandbox } from './sandbox.ts';

/** Milliseconds after which it is asked again in any case. */
const STALE_MS = 2000;

/** What somebody answers, asked again when one of the files has changed in which he reads: to look at these is cheap. */
function whenChanged<T>(
  sandbox: Sandbox,
  paths: readonly string[],
  ask: () => Promise<T>,
): () => Promise<T | undefined> {
  let [seen, asked] = ['', 0];
  let answer: T | undefined;
  return async () => {
    const now = paths.map((path) => signature(sandbox, path)).join();
    if (now !== seen || Date.now() > asked + STALE_MS) {
      [seen, asked] = [now, Date.now()];
      answer = await ask();
    }
    return answer;
  };
}

function signature(sandbox: Sandbox, path: string): string {
  const stats = statSync(sandbox.path(path), { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.ino} ${stats.size} ${stats.mtimeNs}`;
}

/** Until modprobe would load the module of that version. */
export function untilInstalled(
  sandbox: Sandbox,
  release: string,
  version: string,
  limitMs?: number,
): Promise<void> {
  const folder = `/lib/modules/${release}`;
  const paths = ['modules.dep', 'kernel/extra', 'updates/dkms'].map((name) => `${folder}/${name}`);
  const installed = whenChanged(sandbox, paths, () => installedVersion(sandbox, release));
  return until(`${release} has ${version}`, async () => (await installed()) === version, limitMs);
}

/** Until a step has ended well so often for a kernel, by the history. */
export function untilDone(
  sandbox: Sandbox,
  step: string,
  release: string,
  isEnough: (count: number) => boolean,
): Promise<void> {
  const counts = whenChanged(sandbox, ['/var/lib/ttkmd/history.jsonl'], () => doneCount(sandbox, step));
  return until(`${step} of ${release}`, async () => isEnough((await counts())?.[release] ?? 0));
}

/** Until no run is under way, by the status. */
export function untilIdle(sandbox: Sandbox): Promise<void> {
  const run = '/run/ttkmd/run.json';
  return until(
    'nothing is under way',
    async () => !(await sandbox.exists(run)) && (await statusOf(sandbox)).run === null,
  );
}
