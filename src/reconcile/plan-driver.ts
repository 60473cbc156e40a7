// When the driver is loaded, unloaded and reloaded. Pure.
import { unclaimed } from './drivable.ts';
import { differ, type Obstacle, standingFailure, unloadObstacle } from './judge-loaded.ts';
import { signatureRefusal, waitsForOwner } from './judge-signing.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';
import type { DriverAction, Policy } from './plan.ts';
import type { Step } from './step.ts';

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
    const end: Step = { kind: 'endReload', release: running.kernel.release };
    // The machine was restarted in the middle of it: it is loaded as at any boot, and those who were told are told.
    const isCut = observation.state.driver.boot !== observation.loading.boot;
    const isToLoad = isCut && observation.loaded === undefined;
    return isToLoad
      ? [...planLoad(judgement, running, builds, policy), { ...end, isCut }]
      : [{ ...end, isCut }];
  }
  return observation.loaded === undefined
    ? planLoad(judgement, running, builds, policy)
    : planReload(judgement, running, builds, policy);
}

/**
 * A module that is no longer current, or that no successor can be built for, and still fits is better than none; one
 * that the kernel refuses for its signature is not tried.
 */
function planLoad(
  { observation }: Judgement,
  { kernel: { release } }: KernelJudgement,
  builds: readonly Step[],
  { trigger }: Policy,
): Step[] {
  const { loading, modules } = observation;
  if (unclaimed(observation).length === 0 || loading.obstacle !== undefined) return [];
  if (observation.state.driver?.unloaded) return [];
  const built = isInstalled(builds, release);
  // What refused a moment ago refuses again; a person and a boot may find something mended, and so may the clock.
  const failure = standingFailure(observation, 'load');
  const isEarly = trigger === 'watch' || (trigger === 'timer' && (failure?.retryAt ?? 0) > observation.now);
  if (failure !== undefined && !built && isEarly) return [];
  const module = modules.get(release);
  const usable = module !== undefined && module.broken === undefined && module.mismatch === undefined;
  const isRefused =
    signatureRefusal(observation, release) !== undefined || waitsForOwner(observation, release);
  const isLoadable = usable && !isRefused && !observation.excluded.has(release);
  return built || isLoadable ? [{ kind: 'load', release }] : [];
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
    // Should the one on disk not load, nothing could be put back, and each boot would lose the device again.
    if (!loading.copied) return [];
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
export function planAsked(judgement: Judgement, action: DriverAction, force: boolean): Step[] {
  const { observation } = judgement;
  const release = observation.runningRelease;
  if (release === undefined || askedObstacle(judgement, action, force) !== undefined) return [];
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

/**
 * Why what a person asks for cannot be done.
 * @param force the person takes it upon them that a driver that works may be lost until the next boot
 */
export function askedObstacle(
  judgement: Judgement,
  action: DriverAction,
  force = false,
): Obstacle | undefined {
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
  if (wrong === undefined) return action === 'reload' && !force ? noWayBack(observation) : undefined;
  return {
    text: `nothing can be loaded into ${release}: ${wrong}`,
    hint: `build it, as root: ttkmdctl reconcile --kernel ${release}`,
  };
}

/** The loaded driver works, and is not on disk: if the one on disk does not, the device has none. */
export function noWayBack({ loaded, loading, modules, runningRelease }: Observation): Obstacle | undefined {
  const module = modules.get(runningRelease ?? '');
  const isOther = loaded !== undefined && module !== undefined && differ(loaded, module);
  if (!isOther || loading.copied) return undefined;
  return {
    text: 'there is no copy of the loaded driver, which would be put back if the one on disk failed: the device would be without a driver',
    hint: 'reboot to have the one on disk; or at that risk, as root: ttkmdctl reload --force',
  };
}
