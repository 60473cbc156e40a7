// `ttkmdctl reconcile`: makes the machine right, and shows what it does.
import { requireConfig } from '../config/load.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { interruptible } from '../host/signals.ts';
import { coverage, digest } from '../reconcile/digest.ts';
import { cardsOf } from '../reconcile/look.ts';
import type { Policy } from '../reconcile/plan.ts';
import { publishStatus } from '../reconcile/publish-status.ts';
import { type Report, reconcile as runReconcile } from '../reconcile/reconcile.ts';
import { shortfallOf } from '../reconcile/shortfall.ts';
import { statusDocument } from '../reconcile/status-document.ts';
import { describeStep, stepRelease, stepVersion } from '../reconcile/step.ts';
import type { Trigger } from '../state/state.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { createProgress } from './progress.ts';
import { age, type Terminal, wrap } from './terminal.ts';

export interface ReconcileCommandOptions extends GlobalOptions {
  readonly kernel?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly trigger: Trigger;
  readonly wait: number;
  readonly json?: boolean;
  readonly publish?: boolean;
}

/** Exit status 0 where the kernels have the driver, 1 where some lack it all the same, 6 where a step for it failed. */
export async function reconcile(options: ReconcileCommandOptions): Promise<number> {
  const context = openContext(options);
  // A person can mend the file and try again; a machine that boots needs its driver all the same.
  if (options.trigger === 'cli') requireConfig(context.loaded);
  const progress = createProgress(context.terminal);
  const { signal, exitStatus } = interruptible();
  const report = await runReconcile(context.host, {
    config: context.config,
    configWarnings: context.configWarnings,
    policy: policyOf(options),
    dryRun: options.dryRun ?? false,
    patience: options.wait * 1000,
    signal,
    makeOptions: process.env.MAKEOPTS,
    onEvent: options.publish ? () => {} : progress.onEvent,
    onWait(run) {
      if (options.publish) return;
      const who =
        run === undefined
          ? 'another run'
          : `pid ${run.pid} (${run.trigger}, since ${age(Date.now() - run.since)})`;
      context.terminal.raw(`waiting for ${who} to end; this is what it does\n`);
    },
  }).finally(progress.stop);
  if (options.kernel !== undefined) requireKernel(report, options.kernel);
  if (options.publish) {
    const failure = publishStatus(context.host, report.after);
    if (failure !== undefined) context.terminal.raw(`${failure.message}\n`);
    context.terminal.line(JSON.stringify(digest(report.after, report)));
  } else if (options.json)
    context.terminal.line(JSON.stringify(document(report, context.host), undefined, 2));
  else renderReport(report, context, options.kernel);
  if (report.outcome === 'cancelled') return exitStatus();
  if (report.outcome === 'failed') return EXIT.stepFailed;
  const lacking = shortfallOf(report.after, options.kernel).kernels;
  return report.outcome !== 'planned' && lacking.length > 0 ? EXIT.unhealthy : EXIT.ok;
}

function policyOf(options: ReconcileCommandOptions): Policy {
  return {
    trigger: options.trigger,
    only: options.kernel,
    force: options.force ?? false,
    retry: options.trigger === 'cli' && options.kernel !== undefined,
    again: false,
    removed: false,
  };
}

function requireKernel(report: Report, release: string): void {
  if (report.after.kernels.some((one) => one.kernel.release === release)) return;
  throw new TtkmdError(
    'unknown-kernel',
    `There is no kernel ${release} on this machine.`,
    'which there are: ttkmdctl kernels',
    EXIT.usage,
  );
}

function renderReport(report: Report, { terminal }: Context, only: string | undefined): void {
  if (report.outcome === 'planned') {
    terminal.line('would do:');
    for (const step of report.steps) paragraph(terminal, '  ', describeStep(step), 4);
    return;
  }
  for (const { outcome, text, hint, log, step } of report.done) {
    if (outcome !== 'failed') continue;
    paragraph(
      terminal,
      `${terminal.style('red', '✗')} `,
      `${stepRelease(step) ?? 'tenstorrent'}: ${text}`,
      2,
    );
    if (hint !== undefined) paragraph(terminal, `  ${terminal.style('cyan', '→')} `, hint, 4);
    if (log !== undefined) terminal.line(`    log: ttkmdctl logs ${stepRelease(step) ?? ''}`);
  }
  for (const { message, hint } of report.unwritten) {
    paragraph(terminal, `${terminal.style('yellow', '✗')} `, message, 2);
    paragraph(terminal, `  ${terminal.style('cyan', '→')} `, hint, 4);
  }
  const { kernels, health } = report.after;
  for (const step of report.steps) {
    if (step.kind === 'wait') paragraph(terminal, '  ', describeStep(step), 4);
  }
  const words: Record<Report['outcome'], string> = {
    'nothing-to-do':
      shortfallOf(report.after, only).kernels.length > 0 ? 'nothing can be done' : 'nothing to do',
    done: doneWords(report),
    failed: 'not everything could be done',
    cancelled: 'cancelled before all was done',
    planned: '',
  };
  paragraph(terminal, '', `${words[report.outcome]}: ${coverage(report.after)}; health is ${health}`, 0);
  const standing = kernels.filter((one) => one.failure !== undefined && report.outcome === 'nothing-to-do');
  for (const { kernel, failure } of standing) {
    const why = `${kernel.release}: not tried again, since nothing that the failed build depended on has changed`;
    const again = `to try all the same, as root: ttkmdctl reconcile --kernel ${kernel.release}`;
    problemLines(terminal, `${why}: ${failure?.headline}`, `${failure?.hint}; ${again}`);
  }
  const told = new Set<string | undefined>(standing.map(({ kernel }) => kernel.release));
  if (report.outcome === 'failed' || report.outcome === 'cancelled') return;
  for (const problem of shortfallOf(report.after, only).problems) {
    if (!told.has(problem.release)) problemLines(terminal, problem.message, problem.hint);
  }
}

/** What fails no run is said all the same. */
function doneWords({ done }: Report): string {
  const failed = done.filter(({ outcome }) => outcome === 'failed').map(({ step }) => step.kind);
  if (failed.length === 0) return 'done';
  return `done but for the ${failed.every((kind) => kind === 'archive') ? 'archives of build trees' : 'hugepages'}`;
}

function problemLines(terminal: Terminal, message: string, hint: string): void {
  paragraph(terminal, '  ', message, 4);
  paragraph(terminal, `  ${terminal.style('cyan', '→')} `, hint, 4);
}

/** A text broken to the terminal's width; its first line begins with the mark, the others are indented. */
function paragraph(terminal: Terminal, mark: string, text: string, indent: number): void {
  const [first = '', ...rest] = wrap(text, terminal.width - Math.max(indent, 2));
  terminal.line(`${mark}${first}`);
  for (const line of rest) terminal.line(`${' '.repeat(indent)}${line}`);
}

function document(report: Report, host: Host): object {
  return {
    schema: 1,
    outcome: report.outcome,
    steps: report.steps.map((step) => {
      const done = report.done.find((one) => one.step === step);
      return {
        kind: step.kind,
        release: stepRelease(step) ?? null,
        version: stepVersion(step) ?? null,
        text: describeStep(step),
        outcome: done?.outcome ?? null,
        detail: done?.text ?? null,
        hint: done?.hint ?? null,
        log: done?.log ?? null,
        seconds: done?.seconds ?? null,
        again: step.kind === 'wait' && step.again !== undefined ? step.again / 1000 : null,
      };
    }),
    unwritten: report.unwritten,
    status: statusDocument(report.after, undefined, cardsOf(host, report.after)),
  };
}
