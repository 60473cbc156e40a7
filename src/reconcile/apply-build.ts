// Builds a module, proves it, and writes down why where it cannot be built.
import { type BuildRun, build, clearStaging } from '../dkms/commands.ts';
import { readModule } from '../driver/installed.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { localTime } from '../host/local-time.ts';
import { type BuiltKernel, type CompilerChoice, findCompiler } from '../kernels/compiler.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { BUILD_LOGS, buildLogPath, pruneBuildLogs } from '../state/build-logs.ts';
import { type ReadyTree, withBuildTree } from './apply-archive.ts';
import { dkmsSigning, inventedKey, signBuilt, signingIn, unsignable } from './apply-signing.ts';
import { isBeside, othersEnded } from './beside-dkms.ts';
import { rememberFailure, whyItFailed } from './build-failure.ts';
import { symbolsMismatch } from './check-modules.ts';
import type { Step } from './step.ts';
import { type Begun, findKernel, fingerprint, isKernelGone, target, timeIsUp } from './target.ts';
import { type Outcome, runSettings, type Work } from './work.ts';

type BuildStep = Extract<Step, { kind: 'build' }>;

/** Builds for one kernel into the staging tree. A failure is remembered with all that it depended on. */
export function applyBuild(work: Work, planned: BuildStep): Promise<Outcome> {
  const step = { ...planned, builtFrom: fingerprint(work, planned.release, planned.version) };
  return withBuildTree(
    work,
    findKernel(work, step.release),
    (tree) => buildIn(work, step, tree),
    ({ code, message, hint }) => {
      const headline = message.replace(/\.$/, '');
      return rememberFailure(
        work,
        step,
        { code, headline, hint, transient: code !== 'archive-broken' },
        undefined,
      );
    },
  );
}

async function buildIn(work: Work, step: Begun<BuildStep>, tree: ReadyTree): Promise<Outcome> {
  const { kernel, folder } = tree;
  const { host, observation } = work;
  const source = observation.sources.find(({ version }) => version === step.version);
  if (source === undefined) throw new Error(`no driver source ${step.version} was seen`);
  const startedAt = host.clock.now();
  const invented = inventedKey(work);
  if (invented !== undefined) return rememberFailure(work, step, invented, undefined);
  const signing = signingIn(work, tree);
  if (signing !== undefined) work.signing.set(step.release, signing);
  const impossible = unsignable(signing);
  if (impossible !== undefined) return rememberFailure(work, step, impossible, undefined);
  const compiler = await findCompiler(host, asBuilt(kernel), observation.arch);
  if ('headline' in compiler) {
    const transient = compiler.code === 'compiler-missing';
    return rememberFailure(work, step, { ...compiler, transient }, undefined);
  }
  const { variables, path, warning } = compiler;
  const settings = {
    ...runSettings(work),
    variables,
    path,
    kernelSource: folder,
    signing: dkmsSigning(work, signing),
  };
  const overlapped = isBeside(work);
  let run = await build(host, target(work, step), source, settings);
  if (failed(run) && !run.cancelled && !run.timedOut && (overlapped || isBeside(work))) {
    work.onLine('the build failed while another dkms was running: waiting for that one, then building again');
    const lost = await othersEnded(work);
    if (lost !== undefined) return lost;
    run = await build(host, target(work, step), source, settings);
  }
  const flaw = failed(run) ? undefined : await findFlaw(work, step, kernel, run);
  const built = failed(run) || flaw !== undefined ? undefined : run.module;
  const signed = built === undefined ? undefined : await signBuilt(work, step.release, built, signing);
  const log = writeLog(work, step, startedAt, logText(work, step, run, compiler, flaw, signed?.lines ?? []));
  if (run.cancelled && !timeIsUp(work.signal)) {
    clearStaging(host);
    return { outcome: 'cancelled', text: 'stopped, and nothing half-built is left', log };
  }
  if (signed !== undefined && signed.failure === undefined) {
    const told = [warning, signed.warning].filter((one) => one !== undefined).join('; ') || undefined;
    const text = folder === undefined ? 'built' : 'built, with the build tree from the archive';
    return { outcome: 'done', text: told ?? text, log, warning, builtFrom: step.builtFrom };
  }
  clearStaging(host);
  if (isKernelGone(work, step.release)) {
    return { outcome: 'skipped', text: 'the kernel was removed meanwhile', log };
  }
  if (signed?.failure !== undefined) return rememberFailure(work, step, signed.failure, log);
  return rememberFailure(work, step, whyItFailed(work, step, kernel, run, flaw), log);
}

function asBuilt({ release, compiler, configuration, origin }: Kernel): BuiltKernel {
  const name = origin.kind === 'dist-kernel' ? origin.package.replace(/:.*/, '') : undefined;
  return { release, compiler, hasPlugins: configuration.GCC_PLUGINS === 'y', package: name };
}

/** Writes the build's log; undefined where it could not be written. */
function writeLog(
  { host, observation, unwritten }: Work,
  step: BuildStep,
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

function failed(run: BuildRun): boolean {
  return run.exitCode !== 0 || run.cancelled || run.timedOut;
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
  return symbolsMismatch(work.host, kernel, run.module);
}

function logText(
  work: Work,
  step: BuildStep,
  run: BuildRun,
  { variables, path, warning }: CompilerChoice,
  flaw: string | undefined,
  signed: readonly string[],
): string {
  const ending = run.timedOut
    ? 'stopped: it took longer than build.time_limit'
    : run.cancelled
      ? 'cancelled'
      : `dkms ended with ${run.exitCode ?? run.signal}`;
  return [
    `tenstorrent ${step.version} for ${step.release}`,
    `why: ${step.why}; trigger: ${work.policy.trigger}; ${localTime(work.host.clock.now())}`,
    ...(variables.length === 0 ? [] : [`for make: ${variables.join(' ')}`]),
    ...(path === undefined ? [] : [`programs first from: ${path}`]),
    ...(warning === undefined ? [] : [warning]),
    '',
    '--- dkms',
    run.output.trimEnd(),
    '',
    '--- make.log',
    run.makeLog.trimEnd(),
    '',
    ...signed,
    `--- ${ending}${flaw === undefined ? '' : `; ${flaw}`}`,
    '',
  ].join('\n');
}
