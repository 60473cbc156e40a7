// The driver through real boots: from none at all to two kernels that bring it up by themselves.

import { expect, test } from 'vitest';
import { SAMPLE } from '../system/support/machine.ts';
import { Guest } from './support/guest.ts';
import { INITS } from './support/places.ts';
import { historyOf, statesOf, statusOf } from './support/status.ts';

const DEVICE = '/dev/tenstorrent/0';

test.concurrent.for(INITS)('%s: no driver, then one at every boot, in two kernels', async (init) => {
  await using guest = await Guest.create(init);
  const { first, second } = guest.image.kernels;

  // The first boot: the release's own Node.js, a device, and no module.
  await guest.boot();
  expect((await guest.run('ls /usr/bin/node /usr/local/bin/node', { allowFailure: true })).status).not.toBe(
    0,
  );
  const fresh = await statusOf(guest);
  expect(fresh).toMatchObject({ health: 'failed', devices: [{ family: 'wormhole', driver: null }] });
  expect(fresh.driver).toMatchObject({ desired: SAMPLE, loaded: null });
  expect(statesOf(fresh)).toEqual({ [first]: 'missing' });

  await guest.run('ttkmdctl reconcile');
  const unloaded = await guest.run('ttkmdctl status', { allowFailure: true });
  expect(unloaded.status, unloaded.stdout).toBe(1);
  expect(unloaded.stdout).toContain('→ modprobe tenstorrent');

  await guest.run(`modprobe tenstorrent && udevadm settle && test -c ${DEVICE}`);
  const loaded = await guest.run('ttkmdctl status', { allowFailure: true });
  expect(loaded.status, loaded.stdout).toBe(0);
  expect(loaded.stdout).toContain(`driver ${SAMPLE} loaded, current`);
  expect(await statusOf(guest)).toMatchObject({
    health: 'ok',
    devices: [{ driver: 'tenstorrent' }],
    driver: { loaded: SAMPLE },
    problems: [],
    unreadable: [],
  });

  // The second kernel is prepared by the hook, while somebody uses the device.
  const built = await historyOf(guest);
  await guest.run(`setsid sh -c 'exec sleep 100000 <${DEVICE}' >/dev/null 2>&1 &`);
  await guest.addSecondKernel();
  await guest.runKernelHooks(second);
  expect(statesOf(await statusOf(guest))).toEqual({ [first]: 'current', [second]: 'current' });
  expect((await guest.run(`ttkmdctl ready ${second}`)).stdout).toMatch(/^ready: /);
  // A new module on disk for the very kernel that runs, then a boot of it; once is enough, since it is minutes and
  // no init system has a part in it.
  if (init === 'systemd') await guest.run(`ttkmdctl reconcile --force --kernel ${first}`);
  expect(Number((await guest.run('cat /sys/module/tenstorrent/refcnt')).stdout)).toBeGreaterThan(0);
  expect(await statusOf(guest)).toMatchObject({ health: 'ok', driver: { loaded: SAMPLE } });

  // The kernels come up with the driver by themselves, and nothing is built for it.
  const prepared = await historyOf(guest);
  expect(prepared.length).toBeGreaterThan(built.length);
  for (const kernel of init === 'systemd' ? [second, first] : [second]) {
    await guest.reboot({ kernel });
    await guest.run(`udevadm settle && test -c ${DEVICE}`);
    const status = await statusOf(guest);
    expect(status).toMatchObject({ health: 'ok', driver: { loaded: SAMPLE } });
    expect(status.kernels.find(({ running }) => running)).toMatchObject({ release: kernel });
    expect(await historyOf(guest)).toEqual(prepared);
  }
  await guest.powerOff();
});
