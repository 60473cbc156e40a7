// `ttkmdctl hugepages status` and `apply`: the pages of 1 GiB that the cards are fed from.
import { requireConfig } from '../config/load.ts';
import { EXIT } from '../host/errors.ts';
import { interruptible } from '../host/signals.ts';
import { hugepagesDocument } from '../reconcile/hugepages-document.ts';
import type { Judgement, Problem } from '../reconcile/judgement.ts';
import { look } from '../reconcile/look.ts';
import { type Report, reconcile } from '../reconcile/reconcile.ts';
import { describeStep } from '../reconcile/step.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { hugepagesFacts, hugepagesText } from './render-hugepages.ts';
import { problemLines } from './render-status.ts';
import type { Terminal } from './terminal.ts';

export interface HugepagesApplyOptions extends GlobalOptions {
  readonly dryRun?: boolean;
  readonly release?: boolean;
  readonly wait: number;
  readonly json?: boolean;
  /** The machine boots: what is wrong in the settings stops nothing. */
  readonly boot?: boolean;
}

const ELSEWHERE = 'no hugepages here: this system is looked at from outside or in a chroot';

/** Exit status 0 where all that is wanted is there, 1 where it is not. */
export async function hugepagesStatus(options: GlobalOptions & { readonly json?: boolean }): Promise<number> {
  const { host, config, configWarnings, terminal } = openContext(options);
  const judgement = await look(host, { config, configWarnings, holders: 'never' });
  const problems = ourProblems(judgement);
  if (options.json) {
    terminal.line(JSON.stringify(document(judgement), undefined, 2));
  } else if (judgement.hugepages === undefined) {
    terminal.line(ELSEWHERE);
  } else {
    for (const line of renderHugepages(judgement, terminal)) terminal.line(line);
  }
  return isWell(problems) ? EXIT.ok : EXIT.unhealthy;
}

/** Exit status 0 where all that is wanted is there, 1 where it cannot be, 6 where the kernel gave fewer or refused the mount. */
export async function applyHugepages(options: HugepagesApplyOptions): Promise<number> {
  const context = openContext(options);
  const { host, config, configWarnings, terminal } = context;
  if (options.boot) for (const { place, message } of configWarnings) terminal.raw(`${place}: ${message}\n`);
  else requireConfig(context.loaded);
  const { signal, exitStatus } = interruptible();
  const report = await reconcile(host, {
    config,
    configWarnings,
    policy: {
      trigger: options.boot ? 'boot' : 'cli',
      only: undefined,
      force: false,
      retry: false,
      again: false,
      removed: false,
      part: 'hugepages',
      giveBack: options.release,
    },
    dryRun: options.dryRun ?? false,
    patience: options.wait * 1000,
    signal,
    makeOptions: undefined,
    // What is done takes a moment, and is told when it is done.
    onEvent() {},
    onWait: () => terminal.raw('waiting for another run of ttkmd to end\n'),
  });
  if (options.json) terminal.line(JSON.stringify(reportDocument(report), undefined, 2));
  else renderReport(report, context);
  if (report.outcome === 'cancelled') return exitStatus();
  if (report.outcome === 'failed') return EXIT.stepFailed;
  return report.outcome === 'planned' || isWell(ourProblems(report.after), options.boot)
    ? EXIT.ok
    : EXIT.unhealthy;
}

function ourProblems({ problems }: Judgement): Problem[] {
  return problems.filter(({ code }) => code.startsWith('hugepages-'));
}

/**
 * @param booting a mount with other options stays one at each boot, and holds pages all the same: what starts after
 * the service is not to wait for an admin
 */
export function isWell(problems: readonly Problem[], booting = false): boolean {
  return problems.every(
    ({ severity, code }) => severity === 'note' || (booting && code === 'hugepages-mount-differs'),
  );
}

/** The lines of the screen. */
export function renderHugepages(judgement: Judgement, terminal: Terminal): string[] {
  const problems = ourProblems(judgement);
  const mark = terminal.style(isWell(problems) ? 'green' : 'yellow', '●');
  return [
    `${mark} hugepages: ${hugepagesText(judgement)}`,
    ...hugepagesFacts(judgement).map(([name, text]) => `  ${terminal.style('dim', name.padEnd(9))}  ${text}`),
    ...problemLines(problems, terminal),
  ];
}

function renderReport(report: Report, { terminal }: Context): void {
  if (report.after.hugepages === undefined) {
    terminal.line(ELSEWHERE);
    return;
  }
  if (report.outcome === 'planned') {
    terminal.line('would do:');
    for (const step of report.steps) terminal.line(`  ${describeStep(step)}`);
    return;
  }
  for (const { outcome, text, hint } of report.done) {
    if (outcome === 'done') terminal.line(text);
    else terminal.raw(`${text}\n${hint === undefined ? '' : `  → ${hint}\n`}`);
  }
  for (const { message, hint } of report.unwritten) terminal.raw(`${message}\n  → ${hint}\n`);
  terminal.line(`hugepages: ${hugepagesText(report.after)}`);
  // What a step has just said of itself need not be said twice.
  if (report.outcome === 'failed') return;
  for (const { message, hint } of ourProblems(report.after)) terminal.raw(`${message}\n  → ${hint}\n`);
}

function document(judgement: Judgement): object {
  const problems = ourProblems(judgement).map(({ code, message, hint, severity }) => ({
    code,
    message,
    hint,
    severity,
  }));
  return { schema: 1, hugepages: hugepagesDocument(judgement), problems };
}

function reportDocument({ outcome, steps, done, unwritten, after }: Report): object {
  return {
    schema: 1,
    outcome,
    steps: steps.map((step) => {
      const ended = done.find((one) => one.step === step);
      return {
        kind: step.kind,
        text: describeStep(step),
        outcome: ended?.outcome ?? null,
        detail: ended?.text ?? null,
        hint: ended?.hint ?? null,
      };
    }),
    unwritten,
    ...document(after),
  };
}
