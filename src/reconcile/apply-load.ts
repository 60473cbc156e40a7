// Loads the driver into the running kernel, and says why not where that fails.
import { observeLoaded } from '../driver/loaded.ts';
import { explainRefusal, isBlacklisted, kernelMessages } from '../driver/refusal.ts';
import { PACKAGE } from '../driver/sources.ts';
import type { Host } from '../host/host.ts';
import type { Outcome } from './work.ts';

const DEVICE_FOLDER = `/dev/${PACKAGE}`;

/** A card that does not answer holds modprobe for as long as its driver tries. */
const LOAD_LIMIT = 60_000;

/** Seconds that udev gets to name the device. */
const SETTLE_LIMIT = 10;

/** How often and how long to look for the device where there is no udev to ask, in milliseconds. */
const POLL = 100;
const POLL_LIMIT = 3000;

/** @param expects whether a device is to appear; where there is none, the module alone is all that can come */
export async function applyLoad(host: Host, release: string, expects = true): Promise<Outcome> {
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
  if (!expects || (await deviceAppears(host))) return { outcome: 'done', text: `loaded ${version}` };
  const lines = await kernelMessages(host, PACKAGE);
  return {
    outcome: 'failed',
    text: `loaded ${version}, but no device appeared in ${DEVICE_FOLDER}${lines.length === 0 ? '' : `; the kernel says: ${lines.join('; ')}`}`,
    hint: `see what the kernel says of the card: dmesg | grep ${PACKAGE}`,
  };
}

async function deviceAppears(host: Host): Promise<boolean> {
  const there = (): boolean => host.fs.list(DEVICE_FOLDER).length > 0;
  await host.exec.query('udevadm', ['settle', `--timeout=${SETTLE_LIMIT}`], {
    timeLimit: (SETTLE_LIMIT + 5) * 1000,
  });
  for (let waited = 0; waited < POLL_LIMIT && !there(); waited += POLL) await host.clock.sleep(POLL);
  return there();
}
