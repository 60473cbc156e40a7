// Why a build failed, in words, and what is remembered of it.
import type { BuildRun } from '../dkms/commands.ts';
import { type Diagnosis, diagnoseBuild } from '../dkms/diagnose.ts';
import { readOption } from '../kernels/configuration.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { archiveIdentity } from './plan-archives.ts';
import { failingSince } from './retry.ts';
import type { Step } from './step.ts';
import { type Begun, isTreeChanged, timeIsUp } from './target.ts';
import { type Outcome, remember, type Work } from './work.ts';

type BuildStep = Begun<Extract<Step, { kind: 'build' }>>;

/** The first real error of a build and its cause, in words. */
export function whyItFailed(
  work: Work,
  step: BuildStep,
  kernel: Kernel,
  run: BuildRun,
  flaw: string | undefined,
): Diagnosis {
  if (flaw !== undefined) {
    return {
      code: 'flawed-module',
      headline: `the built module is not usable: ${flaw}`,
      hint: `look at the log: ttkmdctl logs ${step.release}`,
      transient: false,
    };
  }
  const configuration = work.host.fs.readText(`${kernel.buildTree.path}/include/config/auto.conf`) ?? '';
  return diagnoseBuild({
    exitCode: run.exitCode,
    signal: run.signal,
    timedOut: run.timedOut || timeIsUp(work.signal),
    log: `${run.output}\n${run.makeLog}`,
    carriageReturns: withCarriageReturns(work, step.version),
    kernel: {
      release: kernel.release,
      configuration: (option) => readOption(configuration, option.replace(/^CONFIG_/, '')),
      distKernel: kernel.origin.kind === 'dist-kernel',
    },
  });
}

/** Writes a failure down with all that it depended on. On a tree that changed meanwhile it may end in another way. */
export function rememberFailure(
  work: Work,
  step: BuildStep,
  { code, headline, cause, hint, transient, unsupported = false }: Diagnosis,
  log: string | undefined,
): Outcome {
  const at = work.host.clock.now();
  const trigger = work.policy.trigger;
  const changed = isTreeChanged(work, step.release);
  remember(work, {
    failures: {
      ...work.state.failures,
      [step.release]: {
        ...step.builtFrom,
        ...{ at, trigger, code, headline, cause, hint, log },
        transient: transient || changed,
        since: failingSince(work.state.failures[step.release], code),
        unsupported: unsupported && !changed,
        archive: archiveIdentity(work.observation, step.release),
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
