// Loads the driver into the running kernel, and says why not where that fails.
import type { Device } from '../driver/driver.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { explainRefusal, isBlacklisted, kernelMessages } from '../driver/refusal.ts';
import { PACKAGE } from '../driver/sources.ts';
import type { Host } from '../host/host.ts';
import { isTaken } from './drivable.ts';
import type { Outcome } from './work.ts';

const DEVICE_FOLDER = `/dev/${PACKAGE}`;

/** A card that does not answer holds modprobe for as long as its driver tries. */
const LOAD_LIMIT = 60_000;

/** Seconds that udev gets to name the device. */
const SETTLE_LIMIT = 10;

/** How often and how long to look for the device where there is no udev to ask, in milliseconds. */
const POLL = 100;
const POLL_LIMIT = 3000;

/**
 * @param expected the devices that are to appear, of which those do not count that the driver takes no longer; where
 * there are none, the module alone is all that can come. Unless told, any device will do
 */
export async function applyLoad(
  host: Host,
  release: string,
  expected?: readonly Pick<Device, 'address' | 'family'>[],
): Promise<Outcome> {
  // The admin's blacklist counts for us as it does for udev.
  const { code, stderr } = await host.exec.query('modprobe', ['-b', PACKAGE], { timeLimit: LOAD_LIMIT });
  const loaded = observeLoaded(host.fs);
  if (loaded === undefined) {
    // modprobe ends with 0 for a module that is blacklisted.
    const blacklist = code === 0 ? isBlacklisted(host.fs, PACKAGE) : undefined;
    if (blacklist !== undefined) {
      return {
        outcome: 'failed',
        text: `not loaded: ${PACKAGE} is blacklisted in ${blacklist}`,
        hint: `take it off that list, or load it by hand: modprobe ${PACKAGE}`,
      };
    }
    return { outcome: 'failed', ...explainRefusal(release, stderr, await kernelMessages(host, PACKAGE)) };
  }
  const version = loaded.version === undefined ? PACKAGE : `${PACKAGE} ${loaded.version}`;
  const wanted = expected?.filter((device) => isTaken(device, loaded.version)).length ?? 1;
  const found = await devicesAppear(host, wanted);
  if (found >= wanted) return { outcome: 'done', text: `loaded ${version}` };
  const few = found === 0 ? 'no device' : `only ${found} of ${wanted} devices`;
  const lines = await kernelMessages(host, PACKAGE);
  return {
    outcome: 'failed',
    text: `loaded ${version}, but ${few} appeared in ${DEVICE_FOLDER}${lines.length === 0 ? '' : `; the kernel says: ${lines.join('; ')}`}`,
    hint: `see what the kernel says of the card: dmesg | grep ${PACKAGE}`,
  };
}

/** How many there are, once there are as many as wanted or the time for it is over. */
async function devicesAppear(host: Host, wanted: number): Promise<number> {
  // udev makes links by other names beside the nodes.
  const there = (): number => host.fs.list(DEVICE_FOLDER).filter((name) => /^\d+$/.test(name)).length;
  if (wanted === 0) return 0;
  await host.exec.query('udevadm', ['settle', `--timeout=${SETTLE_LIMIT}`], {
    timeLimit: (SETTLE_LIMIT + 5) * 1000,
  });
  for (let waited = 0; waited < POLL_LIMIT && there() < wanted; waited += POLL) await host.clock.sleep(POLL);
  return there();
}
