// Does the steps one after another and records each as it ends.

import type { Host } from '../host/host.ts';
import type { HeldLock } from '../host/lock.ts';
import { recordHistory } from '../state/history.ts';
import type { RunEvent } from '../state/run.ts';
import { applyBuild } from './apply-build.ts';
import { applyInstall } from './apply-install.ts';
import { applyLoad } from './apply-load.ts';
import {
  applyClean,
  applyForget,
  applyPlaceRule,
  applyRegister,
  applyTakeOver,
  applyUnregister,
  rememberSources,
} from './apply-records.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './plan.ts';
import { describeStep, type Step, stepRelease, stepVersion } from './step.ts';
import type { Outcome, Work } from './work.ts';

export interface StepReport extends Outcome {
  readonly step: Step;
  readonly seconds: number;
}

export interface ApplyOptions {
  readonly host: Host;
  readonly observation: Observation;
  readonly policy: Policy;
  readonly lock: HeldLock;
  readonly signal: AbortSignal;
  readonly jobs: number;
  readonly load: string | undefined;
  readonly onEvent: (event: RunEvent) => void;
}

/** Carries a plan out. What one kernel's failure does not touch goes on; a cancelled step ends the run. */
export async function apply(steps: readonly Step[], options: ApplyOptions): Promise<StepReport[]> {
  const { host, onEvent } = options;
  const work: Work = {
    host,
    observation: options.observation,
    policy: options.policy,
    signal: options.signal,
    jobs: options.jobs,
    load: options.load,
    descriptor: options.lock.descriptor,
    state: options.observation.state,
    onLine: (line) => onEvent({ type: 'output', at: host.clock.now(), line }),
  };
  const reports: StepReport[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'wait') continue;
    const release = stepRelease(step);
    const startedAt = host.clock.now();
    onEvent({
      type: 'step-started',
      at: startedAt,
      index,
      step: step.kind,
      text: describeStep(step),
      release,
    });
    const outcome = skipReason(step, reports, options.signal) ?? (await attempt(work, step, reports));
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
    if (outcome.outcome !== 'skipped') writeDown(work, step, outcome.outcome, startedAt, seconds, outcome);
  }
  rememberSources(work);
  return reports;
}

/** Why a step cannot be done any more after what happened before it. */
function skipReason(step: Step, reports: readonly StepReport[], signal: AbortSignal): Outcome | undefined {
  const skipped = (text: string): Outcome => ({ outcome: 'skipped', text });
  if (reports.some((report) => report.outcome === 'cancelled')) return skipped('cancelled before it began');
  if (step.kind === 'build' || step.kind === 'register') {
    const broken = reports.some((report) => report.step.kind === 'register' && report.outcome === 'failed');
    if (broken) return skipped('the driver source could not be registered');
  }
  if (step.kind === 'install') {
    const build = reports.find(({ step: one }) => one.kind === 'build' && one.release === step.release);
    if (build?.outcome !== 'done') return skipped('it was not built');
  }
  return signal.aborted ? { outcome: 'cancelled', text: 'stopped before it began' } : undefined;
}

async function attempt(work: Work, step: Step, reports: readonly StepReport[]): Promise<Outcome> {
  try {
    return await execute(work, step, reports);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { outcome: 'failed', text: message, hint: hintFor(code) };
  }
}

async function execute(work: Work, step: Step, reports: readonly StepReport[]): Promise<Outcome> {
  switch (step.kind) {
    case 'clean':
      return applyClean(work, step);
    case 'takeOver':
      return applyTakeOver(work, step);
    case 'register':
      return applyRegister(work, step);
    case 'placeRule':
      return applyPlaceRule(work, step);
    case 'build':
      return applyBuild(work, step);
    case 'install': {
      const build = reports.find(({ step: one }) => one.kind === 'build' && one.release === step.release);
      return applyInstall(work, step, build?.seconds ?? 0);
    }
    case 'load': {
      const install = reports.find(({ step: one }) => one.kind === 'install' && one.release === step.release);
      const nothing =
        install !== undefined && install.outcome !== 'done' && !work.observation.modules.has(step.release);
      if (nothing) return { outcome: 'skipped', text: 'there is no module to load' };
      return applyLoad(work.host, step.release);
    }
    case 'forget':
      return applyForget(work, step);
    case 'unregister':
      return applyUnregister(work, step);
    case 'wait':
      return { outcome: 'skipped', text: step.why };
  }
}

function hintFor(code: string | undefined): string {
  switch (code) {
    case 'ENOSPC':
      return 'make room on that file system, then: ttkmdctl reconcile';
    case 'EROFS':
      return 'that file system is read-only: mount it writable, then: ttkmdctl reconcile';
    case 'EACCES':
    case 'EPERM':
      return 'run it as root';
    default:
      return 'try again: ttkmdctl reconcile; if it stays, report it with what ttkmdctl history prints';
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
  recordHistory(work.host.fs, {
    at,
    seconds,
    outcome,
    trigger: work.policy.trigger,
    step: step.kind,
    release: stepRelease(step),
    version: stepVersion(step),
    detail: text,
    log,
  });
}
