// What is wrong with a kernel's module, and what mends it. Pure.
import type { Kernel } from '../kernels/kernel.ts';
import { drivable } from './drivable.ts';
import { wouldLoad } from './evidence.ts';
import type { DriverJudgement, KernelJudgement, Problem } from './judgement.ts';
import { leftProblem } from './left-to.ts';
import type { Observation } from './observation.ts';
import { isBuildable } from './plan-archives.ts';
import { knownRestlessness, restlessHint, restlessText } from './restless.ts';
import { ANOTHER_KERNEL } from './shortfall.ts';
import { isForWantOfKey } from './signing-problems.ts';
import { hintBeforeBuilding } from './source-problems.ts';

export function kernelProblem(
  observation: Observation,
  driver: DriverJudgement,
  judged: KernelJudgement,
): Problem | undefined {
  const { kernel, state, failure } = judged;
  const release = kernel.release;
  if (isForWantOfKey(observation, judged)) return undefined;
  const severity = severityOf(observation, judged);
  if (judged.leftTo !== undefined && state !== 'waiting' && state !== 'unsupported') {
    return leftProblem(observation, judged, judged.leftTo, severity);
  }
  if (failure !== undefined && state !== 'current') {
    return {
      code: failure.unsupported
        ? 'unsupported'
        : failure.shadow === undefined
          ? 'build-failed'
          : failure.code,
      message: `${release}: ${failure.headline}${failure.cause === undefined ? '' : ` (${failure.cause})`}`,
      hint: failure.hint,
      release,
      severity: state === 'unsupported' && !kernel.running ? 'note' : severity,
    };
  }
  if (state === 'current' && judged.record?.warning !== undefined) {
    return {
      code: 'other-compiler',
      message: `${release}: ${judged.record.warning}`,
      hint: `nothing to do while it works; else install that compiler, then as root: ttkmdctl reconcile --force --kernel ${release}`,
      release,
      severity: 'note',
    };
  }
  if (severity !== 'failed' && isSourcesMatter(observation, driver, judged)) return undefined;
  if (state === 'missing' || state === 'drifted') {
    const before = hintBeforeBuilding(observation, driver) ?? observation.lacks.get(release)?.hint;
    const restless = before === undefined ? knownRestlessness(observation, judged) : undefined;
    const text =
      state === 'missing' ? missingText(driver, judged) : `its module is not current: ${judged.reason}`;
    const building = restless === undefined ? 'build it, as root: ttkmdctl reconcile' : restlessHint(release);
    return {
      code: `module-${state}`,
      message: `${release}: ${text}${restless === undefined ? '' : `, since ${restlessText(observation, restless)}`}`,
      hint: before ?? (isBuildable(observation, kernel) ? building : installHeaders(judged)),
      release,
      severity,
    };
  }
  if (state === 'waiting') {
    return {
      code: 'waiting',
      message: `${release}: ${judged.reason}`,
      hint: installHeaders(judged),
      release,
      severity: kernel.kind === 'sources-only' && !kernel.running ? 'note' : severity,
    };
  }
  if (kernel.running && observation.excluded.has(release)) {
    return {
      code: 'excluded',
      message: `${release}: ${judged.reason}`,
      hint: 'nothing to do; to have the driver built for it, take it out of kernels.exclude',
      release,
      severity: 'note',
    };
  }
  return state === 'unsupported' ? unsupportedProblem(observation, judged) : undefined;
}

/** The running kernel, and what a kernel that the machine could boot would have to be built with. */
function unsupportedProblem(
  observation: Observation,
  { kernel, reason, bootable }: KernelJudgement,
): Problem | undefined {
  const { release } = kernel;
  const lack = observation.lacks.get(release);
  if (!kernel.running && (lack === undefined || !bootable || observation.excluded.has(release)))
    return undefined;
  const isMissed = drivable(observation).length > 0;
  const severity = kernel.running
    ? isMissed && observation.loaded === undefined
      ? 'failed'
      : 'note'
    : isMissed && isNext(observation, kernel)
      ? 'degraded'
      : 'note';
  const hint = lack === undefined ? ANOTHER_KERNEL : `${lack.hint}; or ${ANOTHER_KERNEL}`;
  return { code: 'unsupported', message: `${release}: ${reason}`, hint, release, severity };
}

/** What a boot loader takes unless it is told otherwise: the newest of what is installed. */
function isNext({ kernels, excluded }: Observation, { release }: Kernel): boolean {
  const next = kernels.find((one) => one.kind === 'installed' && !excluded.has(one.release));
  return next?.release === release;
}

/** What is wrong with the sources is said once, and not again for each kernel that has a sound module or none. */
function isSourcesMatter(
  observation: Observation,
  { source }: DriverJudgement,
  { kernel, state }: KernelJudgement,
): boolean {
  if (source !== undefined) return false;
  return state === 'missing' || (state === 'drifted' && wouldLoad(observation, kernel.release));
}

function missingText({ source }: DriverJudgement, { reason }: KernelJudgement): string {
  return source === undefined ? `it has no driver: ${reason}` : 'the driver is not built for it yet';
}

/** A kernel that nobody will boot spoils nothing; the running one without a driver is a failure if a device is there. */
export function severityOf(
  observation: Observation,
  { kernel, bootable, module }: KernelJudgement,
): Problem['severity'] {
  const { loaded, installing } = observation;
  // What was there stays until its successor is proved: nothing is wrong with a machine that is being worked on.
  if (installing === kernel.release && module !== undefined) return 'note';
  if (kernel.running && drivable(observation).length > 0 && loaded === undefined) return 'failed';
  return bootable || kernel.kind === 'headers-only' ? 'degraded' : 'note';
}

function installHeaders({ kernel }: KernelJudgement): string {
  if (kernel.kind === 'sources-only') {
    return `configure, build and install it, as root: ttkmdctl kernels build ${kernel.sourceTree ?? ''}; or by hand, with make`;
  }
  switch (kernel.origin.kind) {
    case 'dist-kernel':
      return `emerge the kernel again: emerge =${kernel.origin.package.replace(/:.*/, '')}`;
    case 'distribution':
      return `install its headers: apt-get install linux-headers-${kernel.release}`;
    default:
      return `install the headers of ${kernel.release}, or remove the kernel if nobody boots it any more`;
  }
}
