// Does the steps one after another and records each as it ends.

import { TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { HeldLock } from '../host/lock.ts';
import { HISTORY_PATH, type HistoryEntry, recordHistory } from '../state/history.ts';
import type { RunEvent } from '../state/run.ts';
import type { UnwrittenRecords } from '../state/unwritten.ts';
import { rememberSources } from './apply-records.ts';
import { tellOfBuilds } from './build-hooks.ts';
import { execute, hintFor } from './execute.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './plan.ts';
import { lockReason, skipReason } from './skip-reason.ts';
import { describeStep, type Step, stepRelease, stepVersion } from './step.ts';
import type { Outcome, StepReport, Work } from './work.ts';

export interface ApplyOptions {
  readonly host: Host;
  readonly observation: Observation;
  readonly policy: Policy;
  readonly lock: HeldLock;
  readonly signal: AbortSignal;
  readonly jobs: number;
  readonly load: string | undefined;
  readonly unwritten: UnwrittenRecords;
  readonly onEvent: (event: RunEvent) => void;
}

/** Carries a plan out. What one kernel's failure does not touch goes on; a cancelled step ends the run. */
export async function apply(steps: readonly Step[], options: ApplyOptions): Promise<StepReport[]> {
  const { host, onEvent } = options;
  const work: Work = {
    host,
    observation: options.observation,
    lock: options.lock,
    policy: options.policy,
    signal: options.signal,
    jobs: options.jobs,
    load: options.load,
    get descriptor() {
      return options.lock.descriptor;
    },
    isAwaited: () => options.lock.isAwaited(),
    unwritten: options.unwritten,
    signing: new Map(),
    state: options.observation.state,
    onLine: (line) => onEvent({ type: 'output', at: host.clock.now(), line }),
  };
  const reports: StepReport[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'wait') continue;
    const release = stepRelease(step);
    const startedAt = host.clock.now();
    const lost = await lockReason(options);
    onEvent({
      type: 'step-started',
      at: startedAt,
      index,
      step: step.kind,
      text: describeStep(step),
      release,
    });
    const outcome = lost ?? skipReason(step, reports, options.signal) ?? (await attempt(work, step, reports));
    await options.lock.stands();
    const at = host.clock.now();
    const seconds = (at - startedAt) / 1000;
    reports.push({ ...outcome, step, seconds });
    onEvent({
      type: 'step-ended',
      at,
      index,
      outcome: outcome.outcome,
      text: outcome.text,
      seconds,
      release,
    });
    if (lost !== undefined) return reports;
    if (outcome.outcome !== 'skipped' && !options.lock.lost)
      writeDown(work, step, outcome.outcome, startedAt, seconds, outcome);
  }
  if (options.lock.lost) return reports;
  if (options.policy.part !== 'hugepages') rememberSources(work);
  await tellOfBuilds(work, reports);
  return reports;
}

async function attempt(work: Work, step: Step, reports: readonly StepReport[]): Promise<Outcome> {
  try {
    return await execute(work, step, reports);
  } catch (error) {
    if (error instanceof TtkmdError) return { outcome: 'failed', text: error.message, hint: error.hint };
    const { code, message } = error as NodeJS.ErrnoException;
    return { outcome: 'failed', text: message, hint: hintFor(code) };
  }
}

function writeDown(
  work: Work,
  step: Step,
  outcome: 'done' | 'failed' | 'cancelled',
  at: number,
  seconds: number,
  { text, log }: Outcome,
): void {
  const entry: HistoryEntry = {
    at,
    seconds,
    outcome,
    trigger: work.policy.trigger,
    step: step.kind,
    release: stepRelease(step),
    version: stepVersion(step),
    detail: text,
    log,
  };
  work.unwritten.attempt('history', HISTORY_PATH, () => recordHistory(work.host.fs, entry));
}
