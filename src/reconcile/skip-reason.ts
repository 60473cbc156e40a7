// Why a step of the plan is not done after all.
import type { HeldLock } from '../host/lock.ts';
import type { Step } from './step.ts';
import { timeIsUp } from './target.ts';
import type { Outcome, StepReport } from './work.ts';

/** Two runs at once would spoil each other's work: who finds the lock lost leaves everything to the other. */
export async function lockReason({ lock }: { readonly lock: HeldLock }): Promise<Outcome | undefined> {
  if (await lock.stands()) return undefined;
  return {
    outcome: 'failed',
    text: 'stopped: the lock /run/ttkmd/lock was removed, and another run has taken its place',
    hint: 'leave /run/ttkmd alone while a run is under way; then: ttkmdctl reconcile',
  };
}

/** Why a step cannot be done any more after what happened before it. */
export function skipReason(
  step: Step,
  reports: readonly StepReport[],
  signal: AbortSignal,
): Outcome | undefined {
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
