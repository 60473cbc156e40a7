// Which devices are the driver's to have: one that is given away is not, nor one that it takes no longer. Pure.
import type { Device } from '../driver/driver.ts';
import type { Observation } from './observation.ts';

type Kind = Pick<Device, 'address' | 'family'>;

/** What the driver calls itself where it is bound to a device. */
const OURS = 'tenstorrent';

/** From 2.2.0 on, tt-kmd's table of devices has no Grayskull any more. */
export function isTaken({ family }: Pick<Device, 'family'>, version: string | undefined): boolean {
  if (family !== 'grayskull') return true;
  const [major = 0, minor = 0] = /^(\d+)(?:\.(\d+))?/
    .exec(version ?? '')
    ?.slice(1)
    .map(Number) ?? [9];
  return major < 2 || (major === 2 && minor < 2);
}

/** The version of the driver that has the devices, or would have them. */
export function drivingVersion({
  loaded,
  modules,
  runningRelease,
  sources,
}: Pick<Observation, 'loaded' | 'modules' | 'runningRelease' | 'sources'>): string | undefined {
  return loaded?.version ?? modules.get(runningRelease ?? '')?.version ?? sources[0]?.version;
}

type Seen = Pick<Observation, 'devices' | 'loaded' | 'modules' | 'runningRelease' | 'sources'>;

/** The devices that nobody has given away, as to vfio-pci for a virtual machine: those are for others to drive. */
export function own<T extends Pick<Device, 'givenTo'>>(devices: readonly T[]): T[] {
  return devices.filter(({ givenTo }) => givenTo === undefined);
}

/** The devices that a driver of that version has or would take. */
export function drivable(seen: Seen): Device[] {
  return own(seen.devices).filter((device) => isTaken(device, drivingVersion(seen)));
}

/** The devices that wait for the driver. */
export function unclaimed(seen: Seen): Device[] {
  return drivable(seen).filter(({ driver }) => driver === undefined);
}

/** The devices that the driver has. */
export function driven({ devices }: Pick<Observation, 'devices'>): Device[] {
  return devices.filter(({ driver }) => driver === OURS);
}

/** `0000:01:00.0 (blackhole), 0000:02:00.0 (wormhole)`. */
export function namesOf(devices: readonly Kind[]): string {
  return devices.map(({ address, family }) => `${address} (${family})`).join(', ');
}
