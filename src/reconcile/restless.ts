// What somebody still writes to is not built from; for how long not, and when it is looked at again. Pure.
import type { Restlessness } from '../state/restless.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';

const MINUTE = 60_000;

/** What is written to for as long as this, in milliseconds, is built from all the same. */
const MOST_PATIENCE = 60 * MINUTE;

/** The longest time between two looks at what is written to, in milliseconds. */
const MOST_DISTANCE = 5 * MINUTE;

/** A tree that is not ready and is being written is looked at again after so many settle times. */
const GROWING = 4;

interface Restless extends Restlessness {
  /** When something in it changed last. */
  readonly last: number;
}

/** Who is still writing to what a kernel would be built from; undefined where nobody is, or patience is over. */
export function restlessnessOf(
  { observation }: Judgement,
  { kernel: { release, buildTree } }: KernelJudgement,
): Restless | undefined {
  const { now, config, restless, restlessSource } = observation;
  const inTree = restless.get(release);
  const inSource = restlessSource?.changed;
  if (inTree === undefined && inSource === undefined) return undefined;
  const path = inTree === undefined ? restlessSource?.path : buildTree.path;
  const known = observation.restlessSince.get(release);
  const isSame = known !== undefined && known.ready === buildTree.ready && known.since <= now;
  const since = isSame ? known.since : now;
  if (buildTree.ready && now - since >= Math.max(MOST_PATIENCE, 2 * config.watch.settle)) return undefined;
  const last = Math.max(inTree ?? 0, inSource ?? 0);
  return { since, path: path ?? release, ready: buildTree.ready, last };
}

/** Milliseconds until another look is worth while: at first when it may have settled, then as long again as so far. */
export function lookAgainIn({ now, config }: Observation, { since, last, ready }: Restless): number {
  const { settle } = config.watch;
  const soonest = ready ? Math.max(0, last + settle - now) : Math.max(GROWING * settle, 1000);
  return Math.max(soonest, Math.min(now - since, MOST_DISTANCE));
}

/** What is remembered of a kernel for which nothing else is lacking, until a look finds that it has changed. */
export function knownRestlessness(
  { restlessSince }: Observation,
  { kernel, state, failure }: KernelJudgement,
): Restlessness | undefined {
  const isDue = (state === 'missing' || state === 'drifted') && failure === undefined;
  return isDue && kernel.buildTree.ready ? restlessSince.get(kernel.release) : undefined;
}

/** For how long so far, for people. */
export function restlessText(observation: Observation, { path, since }: Restlessness): string {
  const minutes = Math.floor((observation.now - since) / MINUTE);
  const span = minutes < 1 ? 'less than a minute' : `${minutes} min`;
  return `somebody has been writing to ${path} for ${span}`;
}

export function restlessHint(release: string): string {
  return `it is built once that has ended, or after ${MOST_PATIENCE / MINUTE} min of it; at once, as root: ttkmdctl reconcile --kernel ${release}`;
}
