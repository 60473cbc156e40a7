// Versions of the driver that come and go, and a kernel whose configuration rules one of them out.

import { expect, test } from 'vitest';
import {
  changes,
  configure,
  dkmsStatus,
  expectSettled,
  insist,
  installedVersion,
  modulePath,
  prepared,
  SAMPLE,
  snapshot,
  statusOf,
} from './support/machine.ts';
import { parts } from './support/parts.ts';

const { kernels, dkms } = parts();

const NEWER = '1.1.0-sample';
const NEWEST = '1.2.0-sample';

const pathOf = (version: string): string => `/usr/src/tenstorrent-${version}`;

test('the old driver stays where the new one cannot be built, and goes where nobody needs it', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.cloud],
  });
  const [good, poor] = [kernels.v61.gentooRelease, kernels.cloud.gentooRelease];
  await insist(sandbox, ['reconcile'], 0);
  expect((await insist(sandbox, ['kernels', 'check'], 0)).stdout).toContain(`${poor}: fits`);

  // It calls hwmon whatever it is built for, and the cloud kernel has none: nothing is tried.
  await sandbox.addDriver({ version: NEWER, broken: 'hwmon' });
  const code = `${pathOf(NEWER)}/tenstorrent.c`;
  const always = '#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0)';
  await sandbox.write(code, (await sandbox.read(code)).replaceAll('#ifdef SAMPLE_WITH_HWMON', always));
  const logs = (await sandbox.list('/var/log/ttkmd/builds')).length;
  const some = await insist(sandbox, ['reconcile'], 1);
  expect(some.stdout).toContain('CONFIG_HWMON');
  expect(await sandbox.list('/var/log/ttkmd/builds')).toHaveLength(logs + 1);
  expect(await installedVersion(sandbox, good)).toBe(NEWER);
  expect(await installedVersion(sandbox, poor)).toBe(SAMPLE);
  expect(await dkmsStatus(sandbox)).toEqual([
    `tenstorrent/${SAMPLE}, ${good}, x86_64: built`,
    `tenstorrent/${SAMPLE}, ${poor}, x86_64: installed`,
    `tenstorrent/${NEWER}, ${good}, x86_64: installed`,
  ]);
  const status = await statusOf(sandbox);
  expect(status.kernels.find(({ release }) => release === poor)?.module).toMatchObject({
    state: 'drifted',
    version: SAMPLE,
    reason: expect.stringContaining('CONFIG_HWMON is off'),
  });
  const settled = await snapshot(sandbox);
  await insist(sandbox, ['reconcile'], 1);
  expect(changes(settled, await snapshot(sandbox))).toEqual([]);

  // What has no module at all has nothing to lose, and nothing to hope for.
  await sandbox.remove(await modulePath(sandbox, poor));
  await sandbox.run(['depmod', poor]);
  const without = await insist(sandbox, ['reconcile'], 0);
  expect(without.stdout).toMatch(/nothing to do: 1 of 1 kernel has/);
  expect((await statusOf(sandbox)).kernels.find(({ release }) => release === poor)?.module).toMatchObject({
    state: 'unsupported',
    reason: expect.stringContaining('CONFIG_HWMON is off'),
  });
  const checked = await insist(sandbox, ['kernels', 'check'], 1);
  expect(checked.stdout).toMatch(new RegExp(`${poor}: does not fit\\n.*CONFIG_HWMON is off`));
  expect(checked.stdout).toMatch(/menuconfig: Device Drivers → Hardware Monitoring support/);
  expect(checked.stdout).toMatch(/config\.d\/50-tenstorrent\.config[^\n]*\n\nCONFIG_HWMON=y\n$/);
  await insist(sandbox, ['kernels', 'check', good], 0);
  const document = JSON.parse((await insist(sandbox, ['kernels', 'check', poor, '--json'], 1)).stdout);
  expect(document).toMatchObject({
    schema: 1,
    driver: NEWER,
    kernels: [{ release: poor, fits: false, lacking: [{ option: 'CONFIG_HWMON', breaks: 'surely' }] }],
    fragment: 'CONFIG_HWMON=y\n',
  });
  expect((await insist(sandbox, ['kernels', 'check', '9.9.9-nowhere'], 2)).stderr).toContain('9.9.9-nowhere');

  // A tree that is configured and not built yet: there is time to set what it lacks.
  const own = '/usr/src/linux-6.19.0-own';
  await sandbox.write(`${own}/Makefile`, 'VERSION = 6\nPATCHLEVEL = 19\nSUBLEVEL = 0\nEXTRAVERSION = -own\n');
  await sandbox.write(`${own}/.config`, 'CONFIG_MODULES=y\nCONFIG_PCI=y\nCONFIG_HUGETLBFS=y\n');
  const planned = await insist(sandbox, ['kernels', 'check', '6.19.0-own'], 1);
  expect(planned.stdout.replace(/\s+/g, ' ')).toContain(`set CONFIG_HWMON=y with make menuconfig in ${own}`);
  await sandbox.run(['rm', '-r', own]);

  // Another configuration is tried at once; here the symbols are still the old ones.
  const autoConf = `${sandbox.kernel(poor).buildTree}/include/config/auto.conf`;
  const before = await sandbox.read(autoConf);
  await sandbox.write(autoConf, `${before}CONFIG_HWMON=y\n`);
  expect((await insist(sandbox, ['reconcile'], 6)).stdout).toContain('hwmon_device_register_with_info');
  await sandbox.write(autoConf, before);

  // The next driver can do without, and the first one, which a bootstrap had brought, has had its day.
  const undo = [{ kind: 'tree', path: pathOf(SAMPLE) }];
  const journal = { schema: 1, steps: [{ name: 'source', done: true, undo }] };
  await sandbox.write('/var/lib/ttkmd/bootstrap.json', JSON.stringify(journal));
  await sandbox.addDriver({ version: NEWEST });
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [good, poor], NEWEST);
  const left = async () => (await sandbox.list('/usr/src')).filter((name) => name.startsWith('tenstorrent-'));
  expect(await left()).toEqual([`tenstorrent-${NEWER}`, `tenstorrent-${NEWEST}`]);
  expect((await insist(sandbox, ['history'], 0)).stdout).toContain('remove source');

  // Somebody else's source is left alone, however few are to be kept; and there is a way back.
  await configure(sandbox, '[driver]\nkeep_old = 0\n');
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
  await configure(sandbox, `[driver]\nversion = ${NEWER}\nkeep_old = 0\n`);
  await insist(sandbox, ['reconcile'], 1);
  expect(await installedVersion(sandbox, good)).toBe(NEWER);
  expect(await installedVersion(sandbox, poor)).toBe(NEWEST);
  expect(await left()).toEqual([`tenstorrent-${NEWER}`, `tenstorrent-${NEWEST}`]);
});
