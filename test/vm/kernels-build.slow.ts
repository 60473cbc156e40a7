// Sources that nobody has built, made into a kernel by `ttkmdctl kernels build`: it boots, and its driver is loaded.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { SAMPLE } from '../system/support/machine.ts';
import { type BuiltKernel, builtKernel } from './support/built-kernel.ts';
import { Guest } from './support/guest.ts';
import { until } from './support/services.ts';

const LIMIT_MS = 40 * 60_000;

let kernel: BuiltKernel;
let guest: Guest | undefined;

beforeAll(async () => {
  kernel = await builtKernel((line) => console.log(`vm tests: ${line}`));
}, LIMIT_MS);
afterAll(() => guest?.dispose());

test('a small kernel is configured, built and installed, and has its driver', () => {
  expect(kernel.release).toMatch(/^6\..*-small$/);
  // What the driver needs was not in the configuration that was given.
  for (const option of ['HWMON', 'HUGETLBFS', 'SYNC_FILE', 'MODULE_UNLOAD']) {
    expect(kernel.printed).toContain(`configure sets CONFIG_${option}=y`);
  }
  expect(kernel.printed).toContain(`${kernel.release} is installed; its driver:`);
  expect(kernel.module).toMatchObject({ state: 'current', version: SAMPLE });
});

test('it boots with its driver', async () => {
  const { release, boot, modules } = kernel;
  guest = await Guest.create('openrc');
  await guest.boot();
  await guest.run('base64 -d | tar -xz -C /', { input: modules });
  await guest.reboot({ kernel: release, from: boot });
  expect((await guest.run('uname -r')).stdout.trim()).toBe(release);
  await until(guest, `grep -qx ${SAMPLE} /sys/module/tenstorrent/version && ls /dev/tenstorrent/*`);
});

test('it takes the module as ttkmd has built and signed it, and in no other shape', async () => {
  if (guest === undefined) throw new Error('the guest has not booted');
  await guest.run('rmmod tenstorrent');
  const { stdout } = await guest.run('modinfo -n tenstorrent && modinfo -F signer tenstorrent');
  const [path = '', signer = ''] = stdout.split('\n');
  expect(signer).not.toBe('');
  for (const [shape, change] of [
    ['without its signature', 'echo >> /tmp/tenstorrent.ko'],
    ['changed', 'printf X | dd of=/tmp/tenstorrent.ko bs=1 seek=4096 conv=notrunc status=none'],
  ]) {
    await guest.run(`cp ${path} /tmp/tenstorrent.ko && ${change}`);
    const { status, stderr } = await guest.run('insmod /tmp/tenstorrent.ko', { allowFailure: true });
    expect([status, stderr], shape).toEqual([1, expect.stringMatching(/key|Key/)]);
  }
  await guest.run(`insmod ${path} && grep -qx ${SAMPLE} /sys/module/tenstorrent/version`);
  await guest.powerOff();
});
