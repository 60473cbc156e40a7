// What the driver in the kernel is, beside the one on disk: whether it is due to be replaced, and what is in the way. Pure.
import type { LoadedDriver } from '../driver/driver.ts';
import { type Holders, holderText } from '../driver/holders.ts';
import type { DriverFailure } from '../state/state.ts';
import { moduleVersion } from './module-version.ts';
import type { Observation } from './observation.ts';

/**
 * Milliseconds after which a device that is in use is looked at again. Nothing tells when a process lets go of one, and
 * a look is a child of a quarter second: less than half a percent of a processor, and only while a reload is due.
 */
const RELOAD_AGAIN = 60_000;

export interface Obstacle {
  readonly text: string;
  readonly hint: string;
}

/** The module on disk is another than the one in the kernel. */
export interface ReloadJudgement {
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** In words, how they differ. */
  readonly text: string;
  /** What keeps it from being replaced by itself; undefined where that is about to happen. */
  readonly obstacle: Obstacle | undefined;
  /** Milliseconds after which another look is worth while. */
  readonly again: number | undefined;
  /** The loaded one came from elsewhere than the disk. */
  readonly stale: boolean;
  readonly failure: DriverFailure | undefined;
}

/**
 * @param isCurrent the running kernel's module is; else there are other things to do first
 */
export function judgeReload(observation: Observation, isCurrent: boolean): ReloadJudgement | undefined {
  const { loaded, runningRelease: release, modules } = observation;
  const module = release === undefined ? undefined : modules.get(release);
  if (loaded === undefined || release === undefined || module === undefined || !isCurrent) return undefined;
  const to = moduleVersion(observation, release);
  if (!differ(loaded, { version: to, sourceVersion: module.sourceVersion })) return undefined;
  const failure = standingFailure(observation, 'reload');
  const obstacle = automaticObstacle(observation, release, failure);
  return {
    from: loaded.version,
    to,
    text:
      loaded.version !== to
        ? `driver ${loaded.version ?? 'of no version'} is loaded, ${to ?? 'another one'} is on disk`
        : `another build of driver ${to ?? ''} is loaded than the one on disk`,
    obstacle,
    again: nextLook(observation, obstacle, failure),
    stale: isStale(observation, release),
    failure,
  };
}

type Version = Pick<LoadedDriver, 'version' | 'sourceVersion'>;

/** Whether two modules are not the same; what is not known of one makes no difference. */
export function differ(a: Version, b: Version): boolean {
  const other = (x: string | undefined, y: string | undefined): boolean =>
    x !== undefined && y !== undefined && x !== y;
  return other(a.version, b.version) || other(a.sourceVersion, b.sourceVersion);
}

/** A failure to load or reload, as long as the module on disk is the one that it was about. */
export function standingFailure(
  { state, loading }: Observation,
  step: DriverFailure['step'],
): DriverFailure | undefined {
  const failure = state.driver?.failure;
  return failure?.step === step && failure.module === loading.module ? failure : undefined;
}

/** What is in the way whoever asks: nobody unloads what cannot be loaded again, or what somebody holds. */
export function unloadObstacle(observation: Observation): Obstacle | undefined {
  const { loaded } = observation;
  if (loaded !== undefined && !loaded.removable) {
    return {
      text: 'the loaded driver cannot be unloaded: it is built into this kernel, or the kernel lacks CONFIG_MODULE_UNLOAD',
      hint: 'reboot to have another one',
    };
  }
  return busyObstacle(loaded, observation.holders);
}

/** Who holds the driver; undefined where nobody does. */
export function busyObstacle(loaded: LoadedDriver | undefined, holders: Holders): Obstacle | undefined {
  if (loaded?.going) {
    return { text: 'the driver is being unloaded at this moment', hint: 'try again in a moment' };
  }
  const users = loaded?.users ?? 0;
  if (users === 0 && holders.holders.length === 0) return undefined;
  const names = holders.holders.map(holderText);
  const text =
    names.length > 0
      ? `the device is in use by ${names.join(', ')}`
      : `the driver has ${users} ${users === 1 ? 'user' : 'users'}, and none is a process that can be seen from here`;
  return {
    text,
    hint: names.length > 0 ? 'end what uses it, then try again' : 'see them with: lsmod | grep tenstorrent',
  };
}

function automaticObstacle(
  observation: Observation,
  release: string,
  failure: DriverFailure | undefined,
): Obstacle | undefined {
  const { loaded, loading, state, config, now } = observation;
  const asked = { hint: wayToReload(observation, release) };
  if (loaded?.inTree) return { text: "the loaded driver is the kernel's own", ...asked };
  if (loaded?.removable === false) return unloadObstacle(observation);
  if (state.modules[release] === undefined) {
    return { text: 'the module on disk was put there by somebody else, to whom it is left', ...asked };
  }
  if (loading.obstacle !== undefined) return loading.obstacle;
  if (failure !== undefined && (failure.retryAt ?? Number.POSITIVE_INFINITY) > now) return failure;
  if (config.driver.reload === 'never') {
    return { text: 'the setting driver.reload is never', ...asked };
  }
  // Before what is said of the next boot: where an initramfs brings this one, there is no copy then either.
  if (!loading.copied) {
    return {
      text: 'there is no copy of the loaded one, which would be put back if the other failed',
      ...asked,
    };
  }
  if (config.driver.reload === 'boot') {
    return { text: 'the setting driver.reload is boot: it is replaced at the next boot', ...asked };
  }
  return busyObstacle(loaded, observation.holders);
}

/** What a person can do. Where there is nothing to put back, `ttkmdctl reload` is refused, and a reboot may not do. */
function wayToReload(observation: Observation, release: string): string {
  if (observation.loading.copied) return 'reboot, or when nobody uses the device, as root: ttkmdctl reload';
  const anew = 'make the initramfs or unified kernel image anew, without it,';
  const reboot = isStale(observation, release)
    ? `${anew} and reboot`
    : `reboot, and should it be loaded again, ${anew} and reboot once more`;
  return `${reboot}; or at the risk that the device is without a driver, as root: ttkmdctl reload --force`;
}

function nextLook(
  { config, holders, loaded, now }: Observation,
  obstacle: Obstacle | undefined,
  failure: DriverFailure | undefined,
): number | undefined {
  if (config.driver.reload !== 'when-idle') return undefined;
  if (failure !== undefined && obstacle === failure) {
    return failure.retryAt === undefined ? undefined : Math.max(0, failure.retryAt - now);
  }
  const isBusy = obstacle !== undefined && obstacle.text === busyObstacle(loaded, holders)?.text;
  return obstacle === undefined || isBusy ? RELOAD_AGAIN : undefined;
}

/**
 * Whether the loaded module came from elsewhere than the disk: it is not what lies there, and it is none that lay there
 * when ours was installed, of which there would be a copy. Modules whose records say nothing of the boot are not judged.
 */
function isStale({ state, loading, loaded }: Observation, release: string): boolean {
  const known = state.modules[release]?.boot !== undefined && loaded?.sourceVersion !== undefined;
  return known && !loading.copied && loaded.removable && !loaded.inTree;
}
