// Builds a module, proves it, and writes down why where it cannot be built.
import { type BuildRun, build, clearStaging } from '../dkms/commands.ts';
import { diagnoseBuild } from '../dkms/diagnose.ts';
import { foreignRuns } from '../dkms/foreign-runs.ts';
import { readModule } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { localTime } from '../host/local-time.ts';
import { abiHash } from '../kernels/abi.ts';
import { readOption } from '../kernels/configuration.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { BUILD_LOGS, buildLogPath, pruneBuildLogs } from '../state/build-logs.ts';
import type { Fingerprint } from '../state/state.ts';
import type { Step } from './step.ts';
import { type Outcome, remember, runSettings, type Work } from './work.ts';

/** How long a foreign dkms is waited for before a build that it may have spoilt is done again, in milliseconds. */
const FOREIGN_LIMIT = 10 * 60_000;
const FOREIGN_POLL = 500;

/** Builds for one kernel into the staging tree. A failure is remembered with all that it depended on. */
export async function applyBuild(work: Work, step: Extract<Step, { kind: 'build' }>): Promise<Outcome> {
  const { host, observation } = work;
  const kernel = findKernel(work, step.release);
  const source = observation.sources.find(({ version }) => version === step.version);
  if (source === undefined) throw new Error(`no driver source ${step.version} was seen`);
  const startedAt = host.clock.now();
  const overlapped = foreignRuns(host, observation.dkms.tree).length > 0;
  let run = await build(host, target(work, step), source, runSettings(work));
  if (
    failed(run) &&
    !run.cancelled &&
    !run.timedOut &&
    (overlapped || foreignRuns(host, observation.dkms.tree).length > 0)
  ) {
    work.onLine('the build failed while another dkms was running: waiting for that one, then building again');
    await foreignDkmsEnded(work);
    run = await build(host, target(work, step), source, runSettings(work));
  }
  const flaw = failed(run) ? undefined : await findFlaw(work, step, kernel, run);
  const log = writeLog(work, step, startedAt, logText(work, step, run, flaw));
  if (run.cancelled && !timeIsUp(work.signal)) {
    clearStaging(host);
    return { outcome: 'cancelled', text: 'stopped, and nothing half-built is left', log };
  }
  if (!failed(run) && flaw === undefined) return { outcome: 'done', text: 'built', log };
  clearStaging(host);
  return rememberFailure(work, step, kernel, run, flaw, log);
}

/** Writes the build's log; undefined where it could not be written. */
function writeLog(
  { host, observation, unwritten }: Work,
  step: Extract<Step, { kind: 'build' }>,
  startedAt: number,
  text: string,
): string | undefined {
  const path = buildLogPath(host.fs, startedAt, step.release, step.version);
  if (!unwritten.attempt('build-log', path, () => host.fs.write(path, text))) return undefined;
  unwritten.attempt('build-log', BUILD_LOGS, () =>
    pruneBuildLogs(host.fs, observation.config.build.logsKept, path),
  );
  return path;
}

/** What a module that is built now depends on. */
export function fingerprint(work: Work, release: string, version: string): Fingerprint {
  const kernel = findKernel(work, release);
  const path = kernel.buildTree.path;
  return {
    version,
    sourceHash: work.observation.sources.find((source) => source.version === version)?.hash ?? '',
    abiIdentity: kernel.abiIdentity,
    abiHash: path === undefined ? undefined : abiHash(work.host.fs, path),
  };
}

export function target(work: Work, step: { readonly version: string; readonly release: string }) {
  const { version, release } = step;
  return { packageName: PACKAGE, version, release, arch: work.observation.arch };
}

export function findKernel(work: Work, release: string): Kernel {
  const kernel = work.observation.kernels.find((one) => one.release === release);
  if (kernel === undefined) throw new Error(`no kernel ${release} was seen`);
  return kernel;
}

function failed(run: BuildRun): boolean {
  return run.exitCode !== 0 || run.cancelled || run.timedOut;
}

/** Whether the signal came from a time limit and not from a person. */
export function timeIsUp(signal: AbortSignal): boolean {
  return signal.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError';
}

/** What is wrong with a module that dkms says it has built; the file is read, dkms is not asked. */
async function findFlaw(
  work: Work,
  step: { readonly version: string; readonly release: string },
  kernel: Kernel,
  run: BuildRun,
): Promise<string | undefined> {
  if (run.module === undefined) return 'dkms ended well and left no module';
  const module = await readModule(work.host, step.release, run.module);
  const unusable = module.broken ?? module.unread;
  if (unusable !== undefined) return unusable;
  const mismatch = vermagicMismatch(module, step.release, kernel.configuration);
  if (mismatch !== undefined) return mismatch;
  if (module.version !== undefined && module.version !== step.version) {
    return `the module says that it is version ${module.version}, its source that it is ${step.version}`;
  }
  return undefined;
}

function rememberFailure(
  work: Work,
  step: Extract<Step, { kind: 'build' }>,
  kernel: Kernel,
  run: BuildRun,
  flaw: string | undefined,
  log: string | undefined,
): Outcome {
  const timedOut = run.timedOut || timeIsUp(work.signal);
  const configuration = work.host.fs.readText(`${kernel.buildTree.path}/include/config/auto.conf`) ?? '';
  const diagnosis =
    flaw === undefined
      ? diagnoseBuild({
          exitCode: run.exitCode,
          signal: run.signal,
          timedOut,
          log: `${run.output}\n${run.makeLog}`,
          carriageReturns: withCarriageReturns(work, step.version),
          kernel: {
            release: kernel.release,
            configuration: (option) => readOption(configuration, option.replace(/^CONFIG_/, '')),
            distKernel: kernel.origin.kind === 'dist-kernel',
          },
        })
      : {
          code: 'flawed-module',
          headline: `the built module is not usable: ${flaw}`,
          hint: `look at the log: ttkmdctl logs ${step.release}`,
          transient: false,
        };
  const { code, headline, cause, hint, transient } = diagnosis;
  const unsupported = diagnosis.unsupported ?? false;
  const at = work.host.clock.now();
  const trigger = work.policy.trigger;
  remember(work, {
    failures: {
      ...work.state.failures,
      [step.release]: {
        ...fingerprint(work, step.release, step.version),
        ...{ at, trigger, code, headline, cause, hint, transient, unsupported, log },
        tools: work.observation.tools.get(step.release) ?? '',
      },
    },
  });
  const text = cause === undefined ? headline : `${headline} (${cause})`;
  return { outcome: 'failed', text, hint, log };
}

/** Files of a driver source that bash and make read, and that were written on Windows. */
function withCarriageReturns({ host, observation }: Work, version: string): string[] {
  const path = observation.sources.find((source) => source.version === version)?.path;
  return ['dkms.conf', 'Makefile', 'Kbuild']
    .map((name) => `${path}/${name}`)
    .filter((file) => host.fs.readText(file)?.includes('\r\n'));
}

async function foreignDkmsEnded(work: Work): Promise<void> {
  const { clock } = work.host;
  const until = clock.now() + FOREIGN_LIMIT;
  while (
    foreignRuns(work.host, work.observation.dkms.tree).length > 0 &&
    clock.now() < until &&
    !work.signal.aborted
  ) {
    await clock.sleep(FOREIGN_POLL);
  }
}

function logText(
  work: Work,
  step: Extract<Step, { kind: 'build' }>,
  run: BuildRun,
  flaw: string | undefined,
): string {
  const ending = run.timedOut
    ? 'stopped: it took longer than build.time_limit'
    : run.cancelled
      ? 'cancelled'
      : `dkms ended with ${run.exitCode ?? run.signal}`;
  return [
    `tenstorrent ${step.version} for ${step.release}`,
    `why: ${step.why}; trigger: ${work.policy.trigger}; ${localTime(work.host.clock.now())}`,
    '',
    '--- dkms',
    run.output.trimEnd(),
    '',
    '--- make.log',
    run.makeLog.trimEnd(),
    '',
    `--- ${ending}${flaw === undefined ? '' : `; ${flaw}`}`,
    '',
  ].join('\n');
}
