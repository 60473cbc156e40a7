// Goes through the steps one after another: looks whether each is needed, does it, and looks again.
import { EXIT, TtkmdError } from '../host/errors.ts';
import {
  begun,
  finished,
  type Journal,
  readJournal,
  withChoices,
  withUndo,
  writeJournal,
} from './journal.ts';
import type { Bench, BootstrapStep, Check, StepName, Work } from './step.ts';
import { describeWork, doWork, interrupted } from './work.ts';

/** What happens, for those who watch. */
export type Happening =
  | { readonly type: 'step-begun'; readonly step: BootstrapStep; readonly why: string }
  | { readonly type: 'step-already'; readonly step: BootstrapStep; readonly why: string }
  | { readonly type: 'step-done'; readonly step: BootstrapStep; readonly seconds: number }
  | { readonly type: 'step-failed'; readonly step: BootstrapStep; readonly seconds: number }
  /** What is done, or would be. */
  | { readonly type: 'work'; readonly lines: readonly string[] }
  /** What a command prints; what is not shown is for the log. */
  | { readonly type: 'output'; readonly line: string; readonly shown: boolean }
  | { readonly type: 'warning'; readonly text: string };

export interface BootstrapOptions {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly onHappening: (happening: Happening) => void;
}

export interface BootstrapReport {
  readonly outcome: 'nothing-to-do' | 'done' | 'planned';
  /** What was done, or would be. */
  readonly steps: readonly StepName[];
}

/** @throws TtkmdError where a step fails; what was done until then stays and is known to the next call */
export async function bootstrap(
  bench: Bench,
  steps: readonly BootstrapStep[],
  options: BootstrapOptions,
): Promise<BootstrapReport> {
  const worked: StepName[] = [];
  let journal = options.dryRun ? undefined : readJournal(bench.host.fs);
  for (const step of steps) {
    if (options.signal.aborted) throw interrupted();
    const check = await step.check(bench);
    if (check.done) {
      options.onHappening({ type: 'step-already', step, why: check.why });
      if (journal !== undefined) journal = settled(bench, journal, step.name);
      continue;
    }
    worked.push(step.name);
    options.onHappening({ type: 'step-begun', step, why: check.why });
    const works = await step.plan(bench);
    if (journal === undefined) tell(bench, works, options);
    else journal = await take(bench, step, works, journal, options);
  }
  if (worked.length === 0) return { outcome: 'nothing-to-do', steps: worked };
  return { outcome: options.dryRun ? 'planned' : 'done', steps: worked };
}

/** It was broken off when nothing was left to do but to say so. */
function settled({ host }: Bench, journal: Journal, name: StepName): Journal {
  if (!journal.steps.some((step) => step.name === name && !step.done)) return journal;
  const next = finished(journal, name);
  writeJournal(host.fs, next);
  return next;
}

function tell(bench: Bench, works: readonly Work[], { onHappening }: BootstrapOptions): void {
  for (const work of works) {
    onHappening({ type: 'work', lines: describeWork(work, bench.choices.mirror) });
  }
}

async function take(
  bench: Bench,
  step: BootstrapStep,
  first: readonly Work[],
  before: Journal,
  options: BootstrapOptions,
): Promise<Journal> {
  const { host } = bench;
  const start = host.clock.now();
  const seconds = (): number => (host.clock.now() - start) / 1000;
  let journal = before;
  const keep = (next: Journal): void => {
    if (next === journal) return;
    journal = next;
    writeJournal(host.fs, journal);
  };
  keep(withChoices(begun(journal, step.name), step.name, bench));
  const round = async (works: readonly Work[]): Promise<void> => {
    for (const work of works) {
      if (options.signal.aborted) throw interrupted();
      options.onHappening({ type: 'work', lines: describeWork(work, bench.choices.mirror) });
      await doWork(work, {
        bench,
        willUndo: (undo) => keep(withUndo(journal, step.name, undo)),
        onLine: (line, shown) => options.onHappening({ type: 'output', line, shown }),
        onWarning: (text) => options.onHappening({ type: 'warning', text }),
      });
    }
  };
  try {
    let works = first;
    for (;;) {
      await round(works);
      const after = await step.check(bench);
      if (after.done) break;
      // Package lists that have just come, a repository that is there now: more is known than before.
      const next = await step.plan(bench);
      if (sameWork(works, next)) {
        if (after.bearable !== true) throw unreached(step, after);
        options.onHappening({ type: 'warning', text: after.why });
        break;
      }
      works = next;
    }
  } catch (error) {
    options.onHappening({ type: 'step-failed', step, seconds: seconds() });
    throw options.signal.aborted ? interrupted() : error;
  }
  keep(finished(journal, step.name));
  options.onHappening({ type: 'step-done', step, seconds: seconds() });
  return journal;
}

function sameWork(one: readonly Work[], other: readonly Work[]): boolean {
  const shown = (works: readonly Work[]): string =>
    works.flatMap((work) => describeWork(work, undefined)).join('\n');
  return other.length === 0 || shown(one) === shown(other);
}

function unreached({ name }: BootstrapStep, { why }: Check): TtkmdError {
  return new TtkmdError(
    'bootstrap-unreached',
    `All commands of the step ${name} ended well, and still: ${why}.`,
    'The log of this run has what they printed.',
    EXIT.stepFailed,
  );
}
