// A card under systemd, and the driver in the kernel beside the one on disk.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { SAMPLE } from '../system/support/machine.ts';
import { addVersion, cardGuest } from './support/card.ts';
import type { Guest } from './support/guest.ts';
import { built, until } from './support/services.ts';
import { statusOf } from './support/status.ts';

const NEWER = '1.1.0-sample';
const DEAD = '1.2.0-sample';
const DEVICE = '/dev/tenstorrent/1';

let guest: Guest;

beforeAll(async () => {
  guest = await cardGuest();
});
afterAll(() => guest?.dispose());

async function loadedVersion(): Promise<string> {
  return (await guest.run('cat /sys/module/tenstorrent/version')).stdout.trim();
}

test('a newer driver waits for those who use the card, and comes when they are gone', async () => {
  const { first } = guest.image.kernels;
  await guest.write('/etc/ttkmd/ttkmd.conf.d/70-card.conf', '[driver]\nreload = when-idle\n');
  await guest.run(`setsid sh -c 'exec sleep 100000 <${DEVICE}' >/dev/null 2>&1 &`);
  await until(guest, '[ "$(cat /sys/module/tenstorrent/refcnt)" != 0 ]');
  await addVersion(guest, NEWER);
  await built(guest, first);
  await until(
    guest,
    `[ ! -e /run/ttkmd/run.json ] && modinfo -k '${first}' -F version tenstorrent | grep -qx ${NEWER}`,
  );
  expect(await loadedVersion()).toBe(SAMPLE);
  const { driver, devices } = await statusOf(guest);
  expect(driver).toMatchObject({
    loaded: SAMPLE,
    reloadDue: true,
    reloadObstacle: expect.stringMatching(/in use by .*sleep/),
    holders: [{ name: 'sleep', user: 'root', deviceNodes: [DEVICE] }],
  });
  expect(devices[1]).toMatchObject({ deviceNode: DEVICE, holders: [driver.holders[0]?.pid] });
  for (const action of ['reload', 'unload']) {
    const { status, stderr } = await guest.run(`ttkmdctl ${action}`, { allowFailure: true });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/in use by .*sleep/)]);
  }
  await guest.run('pkill -x sleep || kill $(grep -lsx sleep /proc/[0-9]*/comm | cut -d/ -f3)');
  await until(guest, `grep -qx ${NEWER} /sys/module/tenstorrent/version && [ ! -e /run/ttkmd/run.json ]`);
  await guest.run(`test -c ${DEVICE}`);
  expect((await statusOf(guest)).health).toBe('ok');
});

test('unload and load do what they say', async () => {
  await guest.run('ttkmdctl unload');
  await guest.run(`test ! -e ${DEVICE} && test ! -e /sys/module/tenstorrent`);
  await guest.run('ttkmdctl load');
  await guest.run(`test -c ${DEVICE}`);
  expect(await loadedVersion()).toBe(NEWER);
});

test('a driver that does not load gives its place back', async () => {
  const { first } = guest.image.kernels;
  await addVersion(
    guest,
    DEAD,
    "sed -i 's/ret = pci_register_driver(&sample_driver);/ret = -EIO;/' tenstorrent.c",
  );
  await until(
    guest,
    `[ ! -e /run/ttkmd/run.json ] && modinfo -k '${first}' -F version tenstorrent | grep -qx ${DEAD}`,
  );
  // Nobody uses the card: it was tried at once, in vain.
  expect(await loadedVersion()).toBe(NEWER);
  await guest.run(`test -c ${DEVICE}`);
  const { driver, problems } = await statusOf(guest);
  expect(driver).toMatchObject({ loaded: NEWER, reloadDue: true });
  expect(problems).toMatchObject([{ code: 'reload-failed', message: expect.stringContaining('put back') }]);
  await guest.powerOff();
});
