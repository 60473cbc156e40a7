// `ttkmdctl kernels build`: from sources that nobody has built to a kernel that boots with its driver.
import { resolve } from 'node:path';
import { requireConfig } from '../config/load.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { createLock } from '../host/lock.ts';
import { runOpenly } from '../host/open-run.ts';
import { quoted } from '../host/shell-word.ts';
import { interruptible } from '../host/signals.ts';
import { buildKernel, type KernelBuildReport } from '../kernel-build/kernel-build.ts';
import { type KernelBuildPlan, planKernelBuild } from '../kernel-build/plan.ts';
import { describeStage, STAGES, type StageName } from '../kernel-build/stages.ts';
import { makeLimits } from '../reconcile/make-limits.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { createProgress } from './progress.ts';
import { wrap } from './terminal.ts';

/** Two builds in one tree would spoil each other. A reconcile has another lock: builds of drivers do not wait for this. */
const LOCK = '/run/ttkmd/kernels-build.lock';

/** Seconds that the driver's build waits for another run. */
const WAIT = 3600;

export interface KernelsBuildOptions extends GlobalOptions {
  readonly config?: string;
  readonly output?: string;
  readonly stage?: string;
  readonly jobs?: number;
  readonly dryRun?: boolean;
}

/** Exit status 0 where the kernel, or what was asked for of it, is there with its driver. */
export async function kernelsBuild(tree: string | undefined, options: KernelsBuildOptions): Promise<number> {
  const context = openContext(options);
  const { host, config, terminal } = context;
  requireConfig(context.loaded);
  if (host.root !== '/') {
    throw new TtkmdError(
      'not-inside',
      'A kernel is built and installed inside its own system.',
      `go into it: chroot ${host.root} ttkmdctl kernels build`,
      EXIT.usage,
    );
  }
  const limits = makeLimits(process.env.MAKEOPTS, config, host.machine.processors);
  const stages = stagesOf(options.stage);
  const { jobs = limits.jobs } = options;
  const wanted = {
    tree: tree !== undefined && /\/|^\.\.?$/.test(tree) ? resolve(tree) : tree,
    config: options.config === undefined ? undefined : resolve(options.config),
    output: options.output === undefined ? undefined : resolve(options.output),
    stages,
    jobs,
    load: limits.load,
    nice: config.build.nice,
  };
  const plan = planKernelBuild(host, wanted);
  for (const stage of plan.stages) {
    const lines = options.dryRun ? describeStage(stage) : stage.notes.map((note) => `${stage.name} ${note}`);
    for (const line of lines) terminal.line(line);
  }
  if (options.dryRun) {
    if (stages.includes('install')) terminal.line('ttkmdctl reconcile --kernel RELEASE');
    return EXIT.ok;
  }
  requireRoot(context);
  const lock = await createLock(LOCK).acquire(0);
  if (lock === undefined) {
    throw new TtkmdError(
      'build-under-way',
      'Another ttkmdctl kernels build is under way.',
      'wait for its end, or end it with Ctrl-C where it runs',
      EXIT.locked,
    );
  }
  const progress = createProgress(terminal);
  const { signal, exitStatus } = interruptible();
  const report = await buildKernel(host, plan, wanted, {
    signal,
    runOpenly,
    onEvent: progress.onEvent,
    onNote: (text) => terminal.line(text),
  })
    .finally(progress.stop)
    .finally(() => lock.release());
  if (report.outcome === 'cancelled') return exitStatus();
  if (report.outcome === 'failed') return tellFailure(report, context);
  return end(report, stages, plan, context, options);
}

async function end(
  { release }: KernelBuildReport,
  stages: readonly StageName[],
  { tree, folder }: KernelBuildPlan,
  { terminal }: Context,
  options: KernelsBuildOptions,
): Promise<number> {
  if (release === undefined || !stages.includes('install')) {
    const next = STAGES[STAGES.indexOf(stages.at(-1) ?? 'configure') + 1] ?? 'install';
    const output = folder === tree ? '' : ` --output ${quoted(folder)}`;
    terminal.line(
      `${folder} is done as far as asked for; next: ttkmdctl kernels build ${quoted(tree)}${output} --stage ${next}`,
    );
    return EXIT.ok;
  }
  terminal.line(`${release} is installed; its driver:`);
  // As the command itself does it, so that both stay in a part of the program of their own.
  const { reconcile } = await import('./reconcile.ts');
  return reconcile({ root: options.root, kernel: release, trigger: 'cli', wait: WAIT });
}

function tellFailure({ failure }: KernelBuildReport, { terminal }: Context): number {
  if (failure === undefined) return EXIT.stepFailed;
  const { headline, hint, log, stage } = failure;
  const [first = '', ...rest] = wrap(`${stage}: ${headline}`, terminal.width - 2);
  terminal.line(`${terminal.style('red', '✗')} ${first}`);
  for (const line of rest) terminal.line(`  ${line}`);
  const [next = '', ...more] = wrap(hint, terminal.width - 4);
  terminal.line(`  ${terminal.style('cyan', '→')} ${next}`);
  for (const line of more) terminal.line(`    ${line}`);
  terminal.line(`    log: ${log ?? 'none, since it could not be written'}`);
  return EXIT.stepFailed;
}

function stagesOf(text: string | undefined): readonly StageName[] {
  if (text === undefined) return STAGES;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !STAGES.includes(name as StageName));
  if (unknown === undefined) return STAGES.filter((name) => names.includes(name));
  throw new TtkmdError(
    'bad-stages',
    `There is no stage "${unknown}".`,
    `one or more of ${STAGES.join(', ')}, separated by commas`,
    EXIT.usage,
  );
}

function requireRoot({ host }: Context): void {
  if (host.machine.effectiveUser === 0) return;
  throw new TtkmdError(
    'not-root',
    'Building and installing a kernel needs root.',
    'as root: ttkmdctl kernels build. What would be done: ttkmdctl kernels build --dry-run',
    EXIT.rights,
  );
}
