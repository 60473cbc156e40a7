// When the daemon tries again what failed and may go away by itself. Pure.
import type { FailureRecord } from '../state/state.ts';
import type { KernelJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';

/** Milliseconds that it waits in any case: a run that fails writes to folders that it listens to. */
const LEAST = 5 * 60_000;
const MOST = 6 * 60 * 60_000;

/**
 * Milliseconds until a build is worth another try, as long again as it has been failing so far; undefined where that
 * depends on something else.
 */
export function retryIn(
  { now }: Pick<Observation, 'now'>,
  { failure, state, kernel: { lastChange } }: Pick<KernelJudgement, 'failure' | 'state' | 'kernel'>,
): number | undefined {
  if (failure === undefined || !failure.transient || failure.unsupported || state === 'current')
    return undefined;
  const { at, since = at } = failure;
  const distance = Math.min(MOST, Math.max(LEAST, at - since));
  // What the failing run itself has written to these folders, it wrote before, though a file system may tell a finer
  // time of it than the clock, which knows whole milliseconds; and a clock that was set back says nothing of how long
  // ago that was.
  const isTouched = Math.floor(lastChange) > at && lastChange <= now;
  return isTouched || at > now ? 0 : Math.max(0, at + distance - now);
}

/** Since when a build has been failing in that way, where it failed before. */
export function failingSince(last: FailureRecord | undefined, code: string): number | undefined {
  return last?.transient && last.code === code ? (last.since ?? last.at) : undefined;
}
