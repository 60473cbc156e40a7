// Tells the admin's programs what was built and what was not, once all steps of a run are over.
import { runHooks } from './admin-hooks.ts';
import type { StepReport, Work } from './work.ts';

/**
 * They come last: a machine that boots needs its driver more than somebody needs a mail, and a program that hangs is to
 * cost nobody a card. However they end, the run's outcome stays.
 */
export async function tellOfBuilds(work: Work, reports: readonly StepReport[]): Promise<void> {
  for (const { step, outcome, text, log } of reports) {
    const built = step.kind === 'install' && outcome === 'done';
    const failed = (step.kind === 'build' || step.kind === 'install') && outcome === 'failed';
    if (!built && !failed) continue;
    const build = reports.find(({ step: one }) => one.kind === 'build' && one.release === step.release);
    await runHooks(work, built ? 'build-succeeded' : 'build-failed', {
      RELEASE: step.release,
      VERSION: step.version,
      REASON: text,
      LOG: log ?? build?.log,
    });
  }
}
