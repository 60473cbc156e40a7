// `kernels build`: takes sources through their stages, and stops at the first that does not end well.
import type { RunResult } from '../host/exec.ts';
import type { Host } from '../host/host.ts';
import type { RunEvent } from '../state/run.ts';
import { diagnoseKernelBuild, type KernelBuildDiagnosis } from './diagnose.ts';
import { createLog, KERNEL_LOGS, type Log } from './log.ts';
import { requireRoom } from './places.ts';
import { type KernelBuildOptions, type KernelBuildPlan, requireTools } from './plan.ts';
import { nameKernel, replacedNote, requireSameName, requireTaken } from './release.ts';
import type { Stage, StageCommand, StageName } from './stages.ts';

/** Milliseconds: a whole distribution's configuration on a slow machine. */
const TIME_LIMIT = 24 * 60 * 60_000;

const AGAIN = 'run it again: it goes on where it stopped';
const STOPPED: KernelBuildDiagnosis = { headline: 'stopped', hint: AGAIN };

/** Runs a command to its end that is not to die with us; see host/open-run.ts. */
export type RunOpenly = (
  argv: readonly string[],
  options: { timeLimit: number; signal: AbortSignal; onLine: (line: string) => void },
) => Promise<RunResult>;

export interface KernelBuildWork {
  readonly signal: AbortSignal;
  readonly runOpenly: RunOpenly;
  readonly onEvent: (event: RunEvent) => void;
  /** What a person should know before it is done. */
  readonly onNote: (text: string) => void;
}

export interface KernelBuildReport {
  readonly outcome: 'done' | 'failed' | 'cancelled';
  /** Undefined where it did not get as far as its name. */
  readonly release: string | undefined;
  /** Of the stage that did not end well. */
  readonly failure:
    | (KernelBuildDiagnosis & { readonly stage: StageName; readonly log: string | undefined })
    | undefined;
}

/** Carries a plan out. */
export async function buildKernel(
  host: Host,
  plan: KernelBuildPlan,
  { nice }: Pick<KernelBuildOptions, 'nice'>,
  work: KernelBuildWork,
): Promise<KernelBuildReport> {
  let release: string | undefined;
  let index = 0;
  host.fs.makeFolder(plan.folder);
  for (const stage of plan.stages) {
    const log = createLog(
      host,
      `${KERNEL_LOGS}/${plan.tree.slice(plan.tree.lastIndexOf('/') + 1)}.${stage.name}.log`,
    );
    if (stage.write !== undefined) writeConfiguration(host, stage.write);
    // Before anything of another kernel's name could be overwritten.
    if (stage.name !== 'configure') release ??= await nameKernel(host, plan);
    if (stage.name === 'install' && release !== undefined)
      await beforeInstall(host, plan.folder, release, work);
    for (const command of stage.commands) {
      const failure = await runCommand(host, stage, command, { ...work, nice, log, index, release });
      index += 1;
      if (failure !== undefined) {
        const outcome = work.signal.aborted ? 'cancelled' : 'failed';
        return { outcome, release, failure: { ...failure, stage: stage.name, log: log.path } };
      }
    }
    if (stage.name === 'configure') {
      requireTaken(host, plan.folder);
      const next = plan.stages.map(({ name }) => name).filter((name) => name !== 'configure');
      requireTools(host, host.fs.readText(`${plan.folder}/.config`) ?? '', next);
      release = await nameKernel(host, plan);
    }
  }
  return { outcome: 'done', release, failure: undefined };
}

/** make removes the modules of an installed kernel of that name before it copies the new ones. */
async function beforeInstall(
  host: Host,
  folder: string,
  release: string,
  { onNote }: KernelBuildWork,
): Promise<void> {
  requireSameName(host, folder, release);
  await requireRoom(host, folder);
  const note = replacedNote(host, release);
  if (note !== undefined) onNote(note);
}

interface CommandContext extends KernelBuildWork {
  readonly nice: number;
  readonly log: Log;
  readonly index: number;
  readonly release: string | undefined;
}

/** @returns why it failed; undefined where it did not */
async function runCommand(
  host: Host,
  stage: Stage,
  { argv, text, open }: StageCommand,
  { signal, runOpenly, onEvent, nice, log, index, release }: CommandContext,
): Promise<KernelBuildDiagnosis | undefined> {
  // Between two commands; the next one is not even begun.
  if (signal.aborted) return STOPPED;
  const startedAt = host.clock.now();
  onEvent({ type: 'step-started', at: startedAt, index, step: stage.name, text, release });
  log.line(`$ ${argv.join(' ')}`);
  const onLine = (line: string): void => {
    log.line(line);
    onEvent({ type: 'output', at: host.clock.now(), line });
  };
  const [command = '', ...args] = argv;
  const limits = { timeLimit: TIME_LIMIT, signal, onLine };
  const run = open
    ? await runOpenly(argv, limits)
    : await host.exec.run(command, args, { ...limits, env: {}, nice });
  log.flush();
  const at = host.clock.now();
  const seconds = (at - startedAt) / 1000;
  const failure = run.code === 0 && !run.cancelled ? undefined : why(run, log.telling);
  const outcome = failure === undefined ? 'done' : run.cancelled ? 'cancelled' : 'failed';
  onEvent({ type: 'step-ended', at, index, outcome, text: failure?.headline ?? 'done', seconds, release });
  return failure;
}

function why({ code, signal, cancelled }: RunResult, lines: readonly string[]): KernelBuildDiagnosis {
  if (cancelled) return STOPPED;
  return (
    diagnoseKernelBuild(lines) ?? {
      headline: signal === undefined ? `make ended with ${code}` : `make was ended by ${signal}`,
      hint: AGAIN,
    }
  );
}

function writeConfiguration(
  { fs }: Pick<Host, 'fs'>,
  { path, text, backup }: NonNullable<Stage['write']>,
): void {
  if (backup !== undefined) fs.copy(path, backup);
  fs.write(path, text);
}
