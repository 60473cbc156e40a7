// Somebody else's dkms at work beside ours: it has no lock, so what failed meanwhile may have failed because of it.
import { foreignRuns } from '../dkms/foreign-runs.ts';
import type { InstalledModule } from '../driver/driver.ts';
import type { Failure } from './install-failure.ts';
import { lockReason } from './skip-reason.ts';
import type { Outcome, Work } from './work.ts';

/** How long it is waited for before what it may have spoilt is done again, in milliseconds. */
const LIMIT = 10 * 60_000;

/** How long it is waited for where somebody waits for us, or where nothing is spoilt yet. */
const MOMENT = 10_000;

const POLL = 500;

/** How often a run that waits says so, in milliseconds: one that says nothing for long is taken for hung. */
const REMINDER = 60_000;

/** What a dkms can do to another one's install: files and folders that change below it, no room, half an index. */
const SPOILABLE = new Set(['install-failed', 'no-space', 'install-flawed', 'not-found', 'not-indexed']);

/** What the file system says where somebody changes folders below us, or has filled it. */
const SPOILED = new Set(['ENOENT', 'ENOTEMPTY', 'ENOSPC']);

/** Whether somebody else's dkms works on the same tree at this moment. */
export function isBeside({ host, observation }: Work): boolean {
  return foreignRuns(host, observation.dkms.tree).length > 0;
}

/**
 * Waits for its end before something is done again; a machine that boots has no time for that.
 * @returns why it may not be done again: the lock was lost meanwhile
 */
export async function othersEnded(work: Work): Promise<Outcome | undefined> {
  await ended(work, work.policy.trigger === 'boot' ? MOMENT : LIMIT);
  return lockReason(work);
}

async function ended(work: Work, limit: number): Promise<void> {
  const { clock } = work.host;
  const start = clock.now();
  let reminders = 0;
  while (!work.signal.aborted && clock.now() < start + limit && isBeside(work)) {
    await clock.sleep(POLL);
    if (clock.now() < start + (reminders + 1) * REMINDER) continue;
    reminders += 1;
    work.onLine('still waiting for another dkms to end');
  }
}

/**
 * Installs, and marks a failure that somebody else's dkms may have caused. What went well beside one that was at work
 * when it began or ended is looked at again behind it: a depmod that had begun before ours ends with an index that
 * lacks our module.
 */
export async function besideDkms(
  work: Work,
  install: () => Promise<Failure | InstalledModule>,
  lookAgain: () => Promise<Failure | InstalledModule>,
): Promise<Failure | InstalledModule> {
  const overlapped = isBeside(work);
  let found = await install();
  if (!overlapped && !isBeside(work)) return found;
  if (!('headline' in found)) {
    await ended(work, MOMENT);
    found = await lookAgain();
  }
  if (!('headline' in found)) return found;
  return found.lasting || !SPOILABLE.has(found.code) ? found : { ...found, disturbed: true };
}

/** Marks what the file system refused us where somebody else's dkms may be why. */
export function refusedBeside(work: Work, { code = '' }: NodeJS.ErrnoException, failure: Failure): Failure {
  return SPOILED.has(code) && isBeside(work) ? { ...failure, disturbed: true } : failure;
}
