// When the driver is loaded, unloaded and reloaded. Pure.
import type { Device } from '../driver/driver.ts';
import { type Obstacle, standingFailure, unloadObstacle } from './judge-loaded.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import type { DriverAction, Policy } from './plan.ts';
import type { Step } from './step.ts';

/** Whether a device waits for a driver: without one that nothing is bound to, it was given away, as to vfio-pci. */
export function isUnclaimed(devices: readonly Device[]): boolean {
  return devices.some((device) => device.driver === undefined);
}

/**
 * The driver of the running kernel: an interrupted reload is ended, one that is due is done where the settings say so,
 * and it is loaded where a device waits for it. Nothing while a kernel is being installed, whatever kernel that is:
 * nobody expects a device to come or go then.
 */
export function planDriver(
  judgement: Judgement,
  chosen: readonly KernelJudgement[],
  builds: readonly Step[],
  policy: Policy,
): Step[] {
  const { observation } = judgement;
  const running = chosen.find(({ kernel }) => kernel.running);
  if (observation.chrooted || policy.removed || policy.trigger === 'kernel-event') return [];
  if (running === undefined) return [];
  if (observation.state.driver?.reloading !== undefined) {
    return [{ kind: 'endReload', release: running.kernel.release }];
  }
  return observation.loaded === undefined
    ? planLoad(judgement, running, builds, policy)
    : planReload(judgement, running, builds, policy);
}

/** A module that is no longer current and still fits is better than none. */
function planLoad(
  { devices, observation }: Judgement,
  { kernel: { release }, state }: KernelJudgement,
  builds: readonly Step[],
  { trigger }: Policy,
): Step[] {
  const { loading, modules } = observation;
  if (!isUnclaimed(devices) || loading.obstacle !== undefined) return [];
  if (observation.state.driver?.unloaded) return [];
  const built = isInstalled(builds, release);
  // What refused a moment ago refuses again; a person, a boot and the clock may find something mended.
  if (trigger === 'watch' && !built && standingFailure(observation, 'load') !== undefined) return [];
  const module = modules.get(release);
  const usable = module !== undefined && module.broken === undefined && module.mismatch === undefined;
  return built || (usable && state !== 'unsupported') ? [{ kind: 'load', release }] : [];
}

function planReload(
  { driver, observation }: Judgement,
  { kernel: { release } }: KernelJudgement,
  builds: readonly Step[],
  { trigger }: Policy,
): Step[] {
  const { config, loaded, loading } = observation;
  const { reload: setting } = config.driver;
  if (setting === 'never' || (setting === 'boot' && trigger !== 'boot')) return [];
  if (loaded === undefined || loaded.inTree || loading.obstacle !== undefined) return [];
  const built = isInstalled(builds, release);
  const due = driver.reload;
  if (due === undefined && !built) return [];
  const obstacle = unloadObstacle(observation);
  if (obstacle !== undefined) {
    if (due?.again === undefined) return [];
    return [
      { kind: 'wait', release, why: `the driver is to be reloaded: ${obstacle.text}`, again: due.again },
    ];
  }
  if (!built) {
    if (observation.state.modules[release] === undefined) return [];
    // At boot nobody uses it yet, and there is nothing to lose that a boot without it would not lack as well.
    if (setting === 'when-idle' && !loading.copied) return [];
    const { failure } = due ?? {};
    if (failure !== undefined && (failure.retryAt ?? Number.POSITIVE_INFINITY) > observation.now) return [];
  }
  const version = built ? driver.source?.version : due?.to;
  return [{ kind: 'reload', release, version, from: loaded.version, asked: false }];
}

function isInstalled(builds: readonly Step[], release: string): boolean {
  return builds.some((step) => step.kind === 'install' && step.release === release);
}

/** What a person asked for by name; nothing where there is nothing to do, or something in the way. */
export function planAsked(judgement: Judgement, action: DriverAction): Step[] {
  const { observation } = judgement;
  const release = observation.runningRelease;
  if (release === undefined || askedObstacle(judgement, action) !== undefined) return [];
  const { loaded, modules } = observation;
  const interrupted = observation.state.driver?.reloading !== undefined;
  const first: Step[] = interrupted ? [{ kind: 'endReload', release }] : [];
  if (action === 'unload') {
    return loaded === undefined && !interrupted ? [] : [...first, { kind: 'unload', release }];
  }
  // The end of a reload brings a driver.
  if (loaded === undefined) return interrupted ? first : [{ kind: 'load', release }];
  if (action === 'load') return first;
  const version = judgement.driver.reload?.to ?? modules.get(release)?.version;
  return [...first, { kind: 'reload', release, version, from: loaded.version, asked: true }];
}

/** Why what a person asks for cannot be done. */
export function askedObstacle(judgement: Judgement, action: DriverAction): Obstacle | undefined {
  const { observation } = judgement;
  const { chrooted, runningRelease: release, loaded, loading, modules } = observation;
  if (chrooted || release === undefined) {
    return {
      text: 'this system is looked at from outside or in a chroot, and the running kernel is not its own',
      hint: 'run it on the machine itself, without --root',
    };
  }
  // A program of the admin's may drain what holds the device, before anybody looks who still does.
  const drained = action === 'reload' && loading.drains && loaded?.removable === true;
  const held = action === 'load' || drained ? undefined : unloadObstacle(observation);
  if (held !== undefined) return held;
  if (action === 'unload' || (action === 'load' && loaded !== undefined)) return undefined;
  if (loading.obstacle !== undefined) return loading.obstacle;
  const module = modules.get(release);
  const wrong = module === undefined ? 'there is no module' : (module.broken ?? module.mismatch);
  if (wrong === undefined) return undefined;
  return {
    text: `nothing can be loaded into ${release}: ${wrong}`,
    hint: `build it, as root: ttkmdctl reconcile --kernel ${release}`,
  };
}
