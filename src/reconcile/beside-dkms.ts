// Somebody else's dkms at work beside ours: it has no lock, so what failed meanwhile may have failed because of it.
import { foreignRuns } from '../dkms/foreign-runs.ts';
import type { InstalledModule } from '../driver/driver.ts';
import type { Failure } from './install-failure.ts';
import type { Work } from './work.ts';

/** How long it is waited for before what it may have spoilt is done again, in milliseconds. */
const LIMIT = 10 * 60_000;

/** How long it is waited for where somebody waits for us, or where nothing is spoilt yet. */
const MOMENT = 10_000;

const POLL = 500;

/** What a dkms can do to another one's install: files and folders that change below it, no room, half an index. */
const SPOILABLE = new Set(['install-failed', 'no-space', 'install-flawed', 'not-found', 'not-indexed']);

/** Whether somebody else's dkms works on the same tree at this moment. */
export function isBeside({ host, observation }: Work): boolean {
  return foreignRuns(host, observation.dkms.tree).length > 0;
}

/** Waits for its end before something is done again; a machine that boots has no time for that. */
export function othersEnded(work: Work): Promise<void> {
  return ended(work, work.policy.trigger === 'boot' ? MOMENT : LIMIT);
}

async function ended(work: Work, limit: number): Promise<void> {
  const { clock } = work.host;
  const until = clock.now() + limit;
  while (!work.signal.aborted && clock.now() < until && isBeside(work)) await clock.sleep(POLL);
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
