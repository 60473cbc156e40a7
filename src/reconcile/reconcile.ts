// The one operation: observe, judge, plan, apply. Everything else in the program asks for this.

import type { Config } from '../config/config.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { HeldLock } from '../host/lock.ts';
import { CHECKS_PATH, saveChecks } from '../state/checks.ts';
import { RESTLESS_FILE, saveRestless } from '../state/restless.ts';
import {
  announceRun,
  appendEvent,
  endRun,
  RUN_PATH,
  type RunEvent,
  type RunUnderWay,
  runsSoFar,
} from '../state/run.ts';
import { createUnwritten, type UnwrittenRecord } from '../state/unwritten.ts';
import type { Judgement } from './judgement.ts';
import { look } from './look.ts';
import { isEarly, isUnannounced, lookAndPlan, type Planned, sightOf } from './look-and-plan.ts';
import { makeLimits } from './make-limits.ts';
import type { ConfigWarning, Observation } from './observation.ts';
import { isEmpty, type Policy } from './plan.ts';
import { isOfHugepages, type Step } from './step.ts';
import { takeLock } from './take-lock.ts';
import type { StepReport } from './work.ts';

export interface ReconcileOptions {
  readonly config: Config;
  readonly configWarnings: readonly ConfigWarning[];
  readonly policy: Policy;
  readonly dryRun: boolean;
  /** Milliseconds to wait for another run. */
  readonly patience: number;
  readonly signal: AbortSignal;
  /** The caller's MAKEOPTS, of which only `-j` and `-l` with numbers count. */
  readonly makeOptions: string | undefined;
  /** What happens, ours and that of the run that is waited for. */
  readonly onEvent: (event: RunEvent) => void;
  /** Another run is under way and is waited for. */
  readonly onWait: (run: RunUnderWay | undefined) => void;
}

export interface Report {
  readonly before: Judgement;
  /** The plan that was made last: what was done, or would be. */
  readonly steps: readonly Step[];
  readonly done: readonly StepReport[];
  /** The machine afterwards; the same as before where nothing was done. */
  readonly after: Judgement;
  readonly outcome: 'nothing-to-do' | 'done' | 'failed' | 'cancelled' | 'planned';
  /** Records that could not be written, each kind once. */
  readonly unwritten: readonly UnwrittenRecord[];
}

/**
 * Makes the machine right.
 * @throws TtkmdError where rights are missing or the lock was held for longer than the patience
 */
export async function reconcile(host: Host, options: ReconcileOptions): Promise<Report> {
  const report = await makeRight(host, options);
  if (options.dryRun || host.machine.effectiveUser !== 0) return report;
  rememberChecks(host, report.after.observation);
  return isUnannounced(options) ? rememberRestless(host, report) : report;
}

/** For the next look, which need not read again what has not changed. Without it a look takes longer, and that is all. */
function rememberChecks({ fs }: Host, { checks, checksChanged }: Observation): void {
  if (checksChanged) createUnwritten().attempt('state', CHECKS_PATH, () => saveChecks(fs, checks));
}

async function makeRight(host: Host, options: ReconcileOptions): Promise<Report> {
  const runs = runsSoFar(host.fs);
  const first = await lookAndPlan(host, options);
  if (options.dryRun) return unchanged(first, isEmpty(first.steps) ? 'nothing-to-do' : 'planned');
  const isRoot = host.machine.effectiveUser === 0;
  const alone = options.policy.part === 'hugepages';
  const isBlind = !isRoot && !alone && first.judgement.kernels.some(({ state }) => state === 'unknown');
  if (isEmpty(first.steps) && !isBlind) return unchanged(first, 'nothing-to-do');
  if (!isRoot)
    throw notRoot(
      alone ? 'Allocating and mounting hugepages' : 'Building and installing a kernel module',
      alone ? 'hugepages apply' : 'reconcile',
    );
  // Only builds are contained.
  if (!alone) host.exec.prepare();
  void import('./apply.ts');
  const { lock, waited } = await takeLock(host, options);
  if (lock === undefined) return unchanged(first, 'cancelled');
  try {
    // What was seen before the lock was taken may have been mended by another run.
    const stands = !waited && runsSoFar(host.fs) === runs;
    return await work(host, options, lock, stands ? first : await lookAndPlan(host, options));
  } finally {
    lock.release();
  }
}

function notRoot(what: string, command: string): TtkmdError {
  return new TtkmdError(
    'not-root',
    `${what} needs root.`,
    `as root: ttkmdctl ${command}. What would be done: ttkmdctl ${command} --dry-run`,
    EXIT.rights,
  );
}

/** What waited and was built, or has come to rest, is not among what waits now. */
function rememberRestless(host: Host, report: Report): Report {
  const restless = new Map(
    report.steps.flatMap((step) =>
      step.kind === 'wait' && step.release !== undefined && step.restless !== undefined
        ? [[step.release, step.restless]]
        : [],
    ),
  );
  const unwritten = createUnwritten();
  unwritten.attempt('status', RESTLESS_FILE, () => saveRestless(host.fs, restless));
  return { ...report, unwritten: [...report.unwritten, ...unwritten.found] };
}

function unchanged({ judgement, steps }: Planned, outcome: Report['outcome']): Report {
  return { before: judgement, steps, done: [], after: judgement, outcome, unwritten: [] };
}

async function work(
  host: Host,
  options: ReconcileOptions,
  lock: HeldLock,
  planned: Planned,
): Promise<Report> {
  if (isEmpty(planned.steps)) return unchanged(planned, 'nothing-to-do');
  const { judgement, steps } = planned;
  const unwritten = createUnwritten();
  const publish = (event: RunEvent): void => {
    // They are the run's own: whoever has got hold of the lock meanwhile writes his.
    if (!lock.lost) unwritten.attempt('run', RUN_PATH, () => appendEvent(host.fs, event));
    options.onEvent(event);
  };
  unwritten.attempt('run', RUN_PATH, () => announceRun(host.fs, options.policy.trigger, host.clock.now()));
  try {
    publish({
      type: 'run-started',
      at: host.clock.now(),
      trigger: options.policy.trigger,
      steps: steps.filter((step) => step.kind !== 'wait').length,
    });
    const { apply } = await import('./apply.ts');
    const done = await apply(steps, {
      host,
      lock,
      observation: judgement.observation,
      policy: options.policy,
      signal: options.signal,
      unwritten,
      onEvent: publish,
      ...makeLimits(options.makeOptions, options.config, host.machine.processors),
    });
    const outcome = done.some((one) => one.outcome === 'cancelled')
      ? 'cancelled'
      : done.some((one) => isFailure(one, options, lock)) ||
          unwritten.found.some((one) => one.record === 'state')
        ? 'failed'
        : 'done';
    publish({ type: 'run-ended', at: host.clock.now(), outcome });
    const after = await look(host, {
      ...options,
      early: isEarly(options),
      holders: sightOf(options.policy),
    });
    return { before: judgement, steps, done, after, outcome, unwritten: unwritten.found };
  } finally {
    unwritten.attempt('run', RUN_PATH, () => endRun(host.fs));
  }
}

/** Too little memory in one piece makes a machine degraded, as its health says; the run has done what can be done. */
function isFailure({ outcome, step }: StepReport, { policy }: ReconcileOptions, lock: HeldLock): boolean {
  return (
    outcome === 'failed' &&
    (policy.part === 'hugepages' || lock.lost || !(isOfHugepages(step) || step.kind === 'archive'))
  );
}
