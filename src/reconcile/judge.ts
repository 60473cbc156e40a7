// What the observation means. Pure: no I/O and no clock.
import type { ModuleOwner } from '../driver/packaged.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { LackingOption } from '../kernels/needed-options.ts';
import type { FailureRecord } from '../state/state.ts';
import { differenceIn, evidenceOf } from './evidence.ts';
import { judgeHugepages } from './judge-hugepages.ts';
import { judgeReload } from './judge-loaded.ts';
import { signatureStale, signingObstacle } from './judge-signing.ts';
import type { DriverJudgement, Judgement, KernelJudgement, ModuleState } from './judgement.ts';
import { goneness, isBootable } from './kernel-standing.ts';
import { judgeLeft, leftTo } from './left-to.ts';
import { moduleVersion } from './module-version.ts';
import type { Observation } from './observation.ts';
import { archiveIdentity, isBuildable } from './plan-archives.ts';
import { findProblems, healthOf } from './problems.ts';
import { rulingOption } from './ruling-option.ts';
import { sameAbi } from './tree-facts.ts';
import { unknownWhereHidden } from './unknown.ts';
import { wantedDriver } from './wanted-source.ts';

/** Each kernel's state and the machine's, and why. */
export function judge(observation: Observation): Judgement {
  const wanted = judgeDriver(observation);
  const kernels = observation.kernels.map((kernel) =>
    unknownWhereHidden(observation, judgeKernel(observation, wanted, kernel)),
  );
  const isCurrent = kernels.some(({ kernel, state }) => kernel.running && state === 'current');
  const driver = { ...wanted, reload: judgeReload(observation, isCurrent) };
  const hugepages =
    observation.hugepages && judgeHugepages(observation.hugepages, observation.config, observation.devices);
  const problems = findProblems(observation, driver, kernels, hugepages);
  return {
    health: healthOf(problems),
    kernels,
    driver,
    devices: observation.devices,
    hugepages,
    problems,
    observation,
  };
}

function judgeDriver(observation: Observation): DriverJudgement {
  const { sources, config, loaded, kernels, excluded } = observation;
  const installed = kernels
    .filter((kernel) => !excluded.has(kernel.release) && isBootable(observation, kernel))
    .flatMap(({ release }) => moduleVersion(observation, release) ?? []);
  return { ...wantedDriver(sources, config, installed), sources, loaded, reload: undefined };
}

function judgeKernel(observation: Observation, driver: DriverJudgement, kernel: Kernel): KernelJudgement {
  const { state, modules } = observation;
  const owner = leftTo(observation, kernel.release);
  return {
    kernel,
    ...moduleState(observation, driver, kernel, owner),
    leftTo: owner,
    module: modules.get(kernel.release),
    record: modules.has(kernel.release)
      ? evidenceOf(observation, driver, kernel).record
      : state.modules[kernel.release],
    bootable: isBootable(observation, kernel),
    ...goneness(observation, kernel),
  };
}

interface Verdict {
  readonly state: ModuleState;
  readonly reason: string | undefined;
  /** The remembered failure that it follows from. */
  readonly failure: FailureRecord | undefined;
}

function moduleState(
  observation: Observation,
  driver: DriverJudgement,
  kernel: Kernel,
  owner: ModuleOwner | undefined,
): Verdict {
  const because = (state: ModuleState, reason?: string, failure?: FailureRecord): Verdict => ({
    state,
    reason,
    failure,
  });
  const impossible = unsupportedReason(observation, kernel);
  if (impossible !== undefined) return because('unsupported', impossible);
  if (owner !== undefined) return judgeLeft(observation, kernel, owner);
  const failure = standingFailure(observation, driver, kernel);
  const stale = staleReason(observation, driver, kernel, failure);
  if (stale === undefined) return because('current');
  // Tried on every reconcile it would fail each time: another key or another kernel makes it another matter.
  const unsignable = signingObstacle(observation, kernel.release);
  if (unsignable !== undefined) return because('unsupported', unsignable.text);
  const present = observation.modules.has(kernel.release);
  if (failure !== undefined) {
    const state = failure.unsupported ? 'unsupported' : present ? 'drifted' : 'failed';
    return because(state, failure.cause ?? failure.headline, failure);
  }
  const [lack] = observation.lacks.get(kernel.release)?.options ?? [];
  if (present) return because('drifted', lack === undefined ? stale : `${stale}; ${offText(lack)}`);
  if (driver.source === undefined) return because('missing', withoutSource(driver));
  if (!isBuildable(observation, kernel)) return because('waiting', waitingReason(kernel));
  return because('missing', stale);
}

function withoutSource({ desired, refused, sources }: DriverJudgement): string {
  if (refused !== undefined) return `nothing is built from ${refused.path}`;
  return desired === undefined || sources.length === 0
    ? 'there is no driver source to build it from'
    : `version ${desired}, which driver.version asks for, is not in /usr/src`;
}

/** Why a kernel can or shall not take the driver, before anything is built. */
function unsupportedReason(observation: Observation, kernel: Kernel): string | undefined {
  if (observation.excluded.has(kernel.release)) return 'left alone: the setting kernels.exclude names it';
  if (kernel.kind === 'backup') return 'a copy that an installation put aside';
  if (kernel.kind === 'leftover') return 'a folder that a removed kernel left behind';
  if (kernel.kind === 'no-modules') return kernel.running ? noModules(kernel) : 'its modules are gone';
  const first = rulingOption(observation, kernel.release);
  return first === undefined ? undefined : offText(first);
}

/** `CONFIG_HWMON is off: the driver does not link, …`. */
function offText({ option }: LackingOption): string {
  return `CONFIG_${option.name} is off: ${option.without}`;
}

function noModules(kernel: Kernel): string {
  return kernel.buildTree.missing[0]?.text ?? 'no loadable modules are installed for it';
}

/** Why the module on disk is not what building today would give; undefined where it is. */
function staleReason(
  observation: Observation,
  driver: DriverJudgement,
  kernel: Kernel,
  failure: FailureRecord | undefined,
): string | undefined {
  const { release } = kernel;
  const module = observation.modules.get(release);
  if (module === undefined) return 'no module is installed';
  if (module.broken !== undefined) return module.broken;
  const unsigned = signatureStale(observation, release);
  if (unsigned !== undefined) return unsigned;
  const { facts } = evidenceOf(observation, driver, kernel);
  const wrong = differenceIn(facts, 'vermagic', 'symbols', 'version');
  if (wrong !== undefined || driver.source === undefined) return wrong;
  if (observation.installing === release) return 'it is being installed at this moment';
  // Where it cannot be done again, what is there is judged as it is.
  const wasInterrupted = observation.state.intent?.release === release;
  if (wasInterrupted && kernel.buildTree.ready) return 'its installation was interrupted';
  // The file in the way of ours may be of the very same version; once it is gone, one more build tells for sure.
  if (observation.state.failures[release]?.shadow !== undefined) {
    return failure?.headline ?? 'what was in its way has changed';
  }
  return differenceIn(facts, 'driver source', 'srcversion', 'compiler', 'code options', 'configuration');
}

/** The remembered failure, as long as nothing that it depended on has changed. */
function standingFailure(
  observation: Observation,
  { source }: DriverJudgement,
  kernel: Kernel,
): FailureRecord | undefined {
  const failure = observation.state.failures[kernel.release];
  if (failure === undefined || source === undefined) return undefined;
  const same =
    failure.version === source.version &&
    failure.sourceHash === source.hash &&
    failure.tools === observation.tools.get(kernel.release) &&
    failure.shadow === observation.shadows.get(kernel.release) &&
    // What an archive was to blame for is another matter with another one, or with the build tree itself.
    (failure.archive === undefined || failure.archive === archiveIdentity(observation, kernel.release)) &&
    sameAbi(observation, kernel, failure);
  return same ? failure : undefined;
}

function waitingReason(kernel: Kernel): string {
  const first = kernel.buildTree.missing[0];
  return first === undefined ? 'its build tree is not ready' : first.text;
}
