// What the observation means. Pure: no I/O and no clock.
import type { DriverSource } from '../driver/driver.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { FailureRecord, Fingerprint } from '../state/state.ts';
import type { DriverJudgement, Judgement, KernelJudgement, ModuleState } from './judgement.ts';
import type { Observation } from './observation.ts';
import { findProblems, healthOf } from './problems.ts';
import { unknownWhereHidden } from './unknown.ts';
import { wantedSource } from './wanted-source.ts';

/** Each kernel's state and the machine's, and why. */
export function judge(observation: Observation): Judgement {
  const driver = judgeDriver(observation);
  const kernels = observation.kernels.map((kernel) =>
    unknownWhereHidden(observation, judgeKernel(observation, driver, kernel)),
  );
  const problems = findProblems(observation, driver, kernels);
  return {
    health: healthOf(problems),
    kernels,
    driver,
    devices: observation.devices,
    problems,
    observation,
  };
}

function judgeDriver({ sources, config, loaded }: Observation): DriverJudgement {
  const source = wantedSource(sources, config);
  return { desired: source?.version, source, sources, loaded };
}

function judgeKernel(observation: Observation, driver: DriverJudgement, kernel: Kernel): KernelJudgement {
  const { state, modules } = observation;
  const module = modules.get(kernel.release);
  const failure = standingFailure(observation, driver.source, kernel);
  const verdict = moduleState(observation, driver.source, kernel, failure);
  return {
    kernel,
    state: verdict.state,
    reason: verdict.reason,
    module,
    record: state.modules[kernel.release],
    failure:
      verdict.state === 'failed' || verdict.state === 'unsupported' || verdict.state === 'drifted'
        ? failure
        : undefined,
    bootable: isBootable(observation, kernel),
    ...goneness(observation, kernel),
  };
}

interface Verdict {
  readonly state: ModuleState;
  readonly reason: string | undefined;
}

function moduleState(
  observation: Observation,
  source: DriverSource | undefined,
  kernel: Kernel,
  failure: FailureRecord | undefined,
): Verdict {
  const impossible = unsupportedReason(observation, kernel);
  if (impossible !== undefined) return { state: 'unsupported', reason: impossible };
  const stale = staleReason(observation, source, kernel);
  if (stale === undefined) return { state: 'current', reason: undefined };
  if (failure?.unsupported) return { state: 'unsupported', reason: failure.cause ?? failure.headline };
  const present = observation.modules.has(kernel.release);
  if (failure !== undefined)
    return { state: present ? 'drifted' : 'failed', reason: failure.cause ?? failure.headline };
  if (present) return { state: 'drifted', reason: stale };
  if (source === undefined) return { state: 'missing', reason: 'there is no driver source to build it from' };
  if (!kernel.buildTree.ready) return { state: 'waiting', reason: waitingReason(kernel) };
  return { state: 'missing', reason: stale };
}

/** Why a kernel can or shall not take the driver, before anything is built. */
function unsupportedReason({ excluded }: Observation, kernel: Kernel): string | undefined {
  if (excluded.has(kernel.release)) return 'left alone: the setting kernels.exclude names it';
  if (kernel.kind === 'backup') return 'a copy that an installation put aside';
  if (kernel.kind === 'leftover') return 'a folder that a removed kernel left behind';
  if (kernel.kind === 'no-modules') return kernel.running ? noModules(kernel) : 'its modules are gone';
  const configuration = kernel.configuration;
  const known = Object.keys(configuration).length > 0;
  if (known && configuration.MODULES !== 'y') return 'CONFIG_MODULES is off: this kernel cannot load modules';
  if (known && configuration.PCI !== 'y') return 'CONFIG_PCI is off: this kernel knows no PCI devices';
  return undefined;
}

function noModules(kernel: Kernel): string {
  return kernel.buildTree.missing[0]?.text ?? 'no loadable modules are installed for it';
}

/** Why the module on disk is not what building today would give; undefined where it is. */
function staleReason(
  observation: Observation,
  source: DriverSource | undefined,
  kernel: Kernel,
): string | undefined {
  const module = observation.modules.get(kernel.release);
  if (module === undefined) return 'no module is installed';
  if (module.broken !== undefined) return module.broken;
  if (module.mismatch !== undefined) return module.mismatch;
  if (source === undefined) return undefined;
  if (module.version !== undefined && module.version !== source.version) {
    return `it is version ${module.version}, wanted is ${source.version}`;
  }
  if (observation.state.intent?.release === kernel.release) return 'its installation was interrupted';
  const record = observation.state.modules[kernel.release];
  if (record === undefined || record.version !== source.version) return undefined;
  if (record.sourceHash !== source.hash) return `${source.path} has changed since it was built`;
  return sameAbi(observation, kernel, record) ? undefined : 'the kernel was built anew since';
}

/** The remembered failure, as long as nothing that it depended on has changed. */
function standingFailure(
  observation: Observation,
  source: DriverSource | undefined,
  kernel: Kernel,
): FailureRecord | undefined {
  const failure = observation.state.failures[kernel.release];
  if (failure === undefined || source === undefined) return undefined;
  const same =
    failure.version === source.version &&
    failure.sourceHash === source.hash &&
    failure.tools === observation.tools.get(kernel.release) &&
    sameAbi(observation, kernel, failure);
  return same ? failure : undefined;
}

/** A tree that is gone takes nothing away from what was built from it. */
function sameAbi({ abiHashes }: Observation, kernel: Kernel, record: Fingerprint): boolean {
  if (kernel.abiIdentity === undefined || record.abiIdentity === undefined) return true;
  return kernel.abiIdentity === record.abiIdentity || abiHashes.get(kernel.release) === record.abiHash;
}

function waitingReason(kernel: Kernel): string {
  const first = kernel.buildTree.missing[0];
  return first === undefined ? 'its build tree is not ready' : first.text;
}

/**
 * Whether the machine may come up with a kernel next time. Where no image at all is found, `/boot` is not
 * mounted, as is usual on Gentoo, and every installed kernel counts.
 */
function isBootable({ kernels }: Observation, kernel: Kernel): boolean {
  if (kernel.kind !== 'installed')
    return kernel.running || (kernel.kind === 'headers-only' && kernel.image !== undefined);
  const anyImage = kernels.some((one) => one.image?.startsWith('/boot/') || one.image?.startsWith('/efi/'));
  return kernel.running || kernel.image !== undefined || !anyImage;
}

/** A kernel is gone when both its modules and its image are, and have been for the settle time. */
function goneness(observation: Observation, kernel: Kernel): Pick<KernelJudgement, 'gone' | 'goneIn'> {
  const nothingLeft = kernel.kind === 'leftover' || kernel.kind === 'no-modules';
  const leftover = nothingLeft && !kernel.running && kernel.image === undefined;
  if (
    !leftover ||
    !observation.kernels.some((one) => one.kind === 'installed' || one.kind === 'headers-only')
  ) {
    return { gone: false, goneIn: undefined };
  }
  const left = kernel.lastChange + observation.config.watch.settle - observation.now;
  return left <= 0 ? { gone: true, goneIn: undefined } : { gone: false, goneIn: left };
}
