// What is wrong, to which kernel, why, and the command or setting that mends it. Pure.

import type { Kernel } from '../kernels/kernel.ts';
import { drivable } from './drivable.ts';
import { wouldLoad } from './evidence.ts';
import { hugepageProblems } from './hugepage-problems.ts';
import type { HugepagesJudgement } from './judge-hugepages.ts';
import type { DriverJudgement, Health, KernelJudgement, Problem } from './judgement.ts';
import { leftProblem, leftSourceProblem } from './left-to.ts';
import { loadedProblems } from './loaded-problems.ts';
import type { Observation } from './observation.ts';
import { isBuildable } from './plan-archives.ts';
import { knownRestlessness, restlessHint, restlessText } from './restless.ts';
import { ANOTHER_KERNEL } from './shortfall.ts';
import { isForWantOfKey, signingProblems } from './signing-problems.ts';
import { hintBeforeBuilding, sourceProblems } from './source-problems.ts';
import { areSourcesHidden, isToldUnknown, unknownProblems } from './unknown.ts';

/** Everything that somebody should know, the worst first. */
export function findProblems(
  observation: Observation,
  driver: DriverJudgement,
  kernels: readonly KernelJudgement[],
  hugepages: HugepagesJudgement | undefined,
): Problem[] {
  const problems = [
    ...machineProblems(observation, driver).filter(
      ({ code }) => code !== 'no-source' || !areSourcesHidden(observation),
    ),
    ...unreadable(observation, kernels),
    ...unknownProblems(kernels, (judged) => severityOf(observation, judged)),
    ...signingProblems(observation, kernels, (judged) => severityOf(observation, judged)),
    ...[leftSourceProblem(observation, driver.source)].filter((one) => one !== undefined),
    ...kernels.flatMap((kernel) => kernelProblem(observation, driver, kernel) ?? []),
    ...loadedProblems(observation, driver, kernels),
    ...hugepageProblems(observation, hugepages),
    ...observation.configWarnings
      .filter(({ place }) => !isToldUnknown(kernels, place))
      .map((warning) => ({
        code: 'config',
        message: `${warning.place}: ${warning.message}`,
        hint: warning.hint,
        release: undefined,
        severity: 'degraded' as const,
      })),
  ];
  const order = { failed: 0, degraded: 1, note: 2 };
  return problems.sort((a, b) => order[a.severity] - order[b.severity]);
}

/** The machine's health: its worst problem's. */
export function healthOf(problems: readonly Problem[]): Health {
  if (problems.some((problem) => problem.severity === 'failed')) return 'failed';
  return problems.some((problem) => problem.severity === 'degraded') ? 'degraded' : 'ok';
}

function machineProblems(observation: Observation, driver: DriverJudgement): Problem[] {
  const problems = sourceProblems(observation, driver);
  const add = (severity: Problem['severity'], code: string, message: string, hint: string): void => {
    problems.push({ code, message, hint, release: undefined, severity });
  };
  const { unreadable, tree, sourceTree } = observation.dkms;
  if (unreadable !== undefined) {
    add(
      'degraded',
      'dkms-setting',
      `${unreadable.place}: where dkms keeps its records takes bash to tell ("${unreadable.text}"); ttkmd keeps them in ${tree}`,
      `write it there as a plain path: dkms_tree="${tree}"`,
    );
  }
  if (driver.source === undefined && sourceTree !== '/usr/src') {
    add(
      'note',
      'dkms-setting',
      `dkms's setting source_tree is ${sourceTree}; ttkmd looks for driver sources in /usr/src`,
      `move the driver's source there: /usr/src/tenstorrent-<version>`,
    );
  }
  const { stuck } = observation;
  if (stuck !== undefined) {
    add(
      'degraded',
      'run-stuck',
      `the daemon's child with pid ${stuck.pid} was killed and does not end: it hangs in the kernel, and nothing is built until it has ended`,
      `see where, as root: cat /proc/${stuck.pid}/stack, and dmesg; where it stays, reboot`,
    );
  }
  for (const [path, adopted] of Object.entries(observation.state.adopted)) {
    if (adopted.foreign && driver.source?.path === path) {
      add(
        'note',
        'adopted',
        `${path} was registered with dkms before ttkmd took it over; its AUTOINSTALL is left out since`,
        'there is nothing to do; ttkmdctl uninstall gives it back',
      );
    }
  }
  for (const path of observation.readOnlySources) {
    add(
      'note',
      'not-taken-over',
      `${path} lies on a read-only file system, so AUTOINSTALL and POST_INSTALL stay in its dkms.conf: dkms's own hooks may build it too`,
      'make that file system writable once, then: ttkmdctl reconcile',
    );
  }
  if (!observation.kernels.some((kernel) => kernel.kind === 'installed' || kernel.kind === 'headers-only')) {
    add(
      'degraded',
      'no-kernels',
      '/lib/modules holds no kernel',
      'if it is a file system of its own, mount it; else install a kernel: emerge sys-kernel/gentoo-kernel',
    );
  }
  return problems;
}

function unreadable({ denied, modules }: Observation, kernels: readonly KernelJudgement[]): Problem[] {
  const unread = new Set(
    [...modules.values()].flatMap((one) => (one.unread === undefined ? [] : [one.path])),
  );
  return denied
    .filter((path) => !unread.has(path) && !isToldUnknown(kernels, path))
    .map((path) => ({
      code: 'unreadable',
      message: `${path} may not be read by this user`,
      hint: 'run it as root to see all',
      release: undefined,
      severity: 'note',
    }));
}

function kernelProblem(
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
function severityOf(
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
