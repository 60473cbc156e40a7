// Does the steps one after another and records each as it ends.

import { TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { HeldLock } from '../host/lock.ts';
import { HISTORY_PATH, type HistoryEntry, recordHistory } from '../state/history.ts';
import type { RunEvent } from '../state/run.ts';
import type { UnwrittenRecords } from '../state/unwritten.ts';
import { applyArchive, applyDropArchive } from './apply-archive.ts';
import { applyBuild } from './apply-build.ts';
import { applyLoadStep, applyUnload } from './apply-driver.ts';
import { applyAllocate, applyMount, applyReturn } from './apply-hugepages.ts';
import { applyInstall } from './apply-install.ts';
import {
  applyClean,
  applyForget,
  applyPlaceRule,
  applyRecord,
  applyRegister,
  applyRemoveSource,
  applyTakeOver,
  applyUnregister,
  rememberSources,
} from './apply-records.ts';
import { applyEndReload, applyReload } from './apply-reload.ts';
import { tellOfBuilds } from './build-hooks.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './plan.ts';
import { isPutBack } from './remembered.ts';
import { describeStep, type Step, stepRelease, stepVersion } from './step.ts';
import { timeIsUp } from './target.ts';
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
    policy: options.policy,
    signal: options.signal,
    jobs: options.jobs,
    load: options.load,
    get descriptor() {
      return options.lock.descriptor;
    },
    unwritten: options.unwritten,
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

/** Two runs at once would spoil each other's work: who finds the lock lost leaves everything to the other. */
async function lockReason({ lock }: ApplyOptions): Promise<Outcome | undefined> {
  if (await lock.stands()) return undefined;
  return {
    outcome: 'failed',
    text: 'stopped: the lock /run/ttkmd/lock was removed, and another run has taken its place',
    hint: 'leave /run/ttkmd alone while a run is under way; then: ttkmdctl reconcile',
  };
}

/** Why a step cannot be done any more after what happened before it. */
function skipReason(step: Step, reports: readonly StepReport[], signal: AbortSignal): Outcome | undefined {
  const skipped = (text: string): Outcome => ({ outcome: 'skipped', text });
  if (reports.some((report) => report.outcome === 'cancelled'))
    return skipped('not begun, since the run was cancelled');
  if (step.kind === 'build' || step.kind === 'register') {
    const broken = reports.some((report) => report.step.kind === 'register' && report.outcome === 'failed');
    if (broken) return skipped('the driver source could not be registered');
  }
  if (step.kind === 'install') {
    const build = reports.find(({ step: one }) => one.kind === 'build' && one.release === step.release);
    if (build?.outcome !== 'done') return skipped('it was not built');
  }
  // Loading takes a moment, and a machine that boots needs the card more than the newest driver.
  const inTime = (step.kind === 'load' || step.kind === 'endReload') && timeIsUp(signal);
  return signal.aborted && !inTime ? { outcome: 'cancelled', text: 'not begun' } : undefined;
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
      return applyInstall(work, step, build ?? { seconds: 0 });
    }
    case 'record':
      return applyRecord(work, step);
    case 'load': {
      const install = reports.find(({ step: one }) => one.kind === 'install' && one.release === step.release);
      const { modules } = work.observation;
      const was = modules.has(step.release) || isPutBack(work.observation, step.release);
      const nothing = install !== undefined && install.outcome !== 'done' && !was;
      if (nothing) return { outcome: 'skipped', text: 'there is no module to load' };
      return applyLoadStep(work, step);
    }
    case 'allocateHugepages':
      return applyAllocate(work, step);
    case 'returnHugepages':
      return applyReturn(work, step);
    case 'mountHugepages':
      return applyMount(work, step);
    case 'unload':
      return applyUnload(work);
    case 'reload':
      return applyReload(work, step);
    case 'endReload':
      return applyEndReload(work, step);
    case 'forget':
      return applyForget(work, step);
    case 'unregister':
      return applyUnregister(work, step);
    case 'archive':
      return applyArchive(work, step);
    case 'dropArchive':
      return applyDropArchive(work, step);
    case 'removeSource':
      return applyRemoveSource(work, step);
    case 'wait':
      return { outcome: 'skipped', text: step.why };
  }
}

function hintFor(code: string | undefined): string {
  switch (code) {
    case 'ENOSPC':
      return 'make room on that file system, then as root: ttkmdctl reconcile';
    case 'EROFS':
      return 'that file system is read-only: mount it writable, then as root: ttkmdctl reconcile';
    case 'EACCES':
    case 'EPERM':
      return 'root itself was refused: look for denials with dmesg, and at the mount options of that path';
    default:
      return 'try again, as root: ttkmdctl reconcile; if it stays, report it with what ttkmdctl history prints';
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
