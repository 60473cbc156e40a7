// Archives of build trees: a driver that comes after the tree has been removed is built all the same.

import { expect, test } from 'vitest';
import { fill } from './support/disk.ts';
import {
  changes,
  configure,
  expectSettled,
  insist,
  installedVersion,
  prepared,
  SAMPLE,
  snapshot,
  statusOf,
} from './support/machine.ts';
import { type DkmsPart, type KernelPart, parts } from './support/parts.ts';

const { kernels, dkms } = parts();

const NEWER = '1.1.0-sample';
const NEWEST = '1.2.0-sample';
const STATE = '/var/lib/ttkmd';
const FOLDER = `${STATE}/archive`;

test.each<[string, DkmsPart, KernelPart, 'merged' | 'split']>([
  ['with dkms 3.2, after depclean on a merged /usr', dkms.v32, kernels.v61, 'merged'],
  ['with dkms 3.0, after depclean on a split /usr', dkms.v30, kernels.v612, 'split'],
])('%s', async (_, part, kernel, usr) => {
  await using sandbox = await prepared({ dkms: part, tree: 'gentoo', kernels: [kernel, kernels.older] });
  const release = kernel.gentooRelease;
  const { buildTree } = sandbox.kernel(release);
  const settings = `exclude = ${kernels.older.gentooRelease}\narchive = yes\n`;
  await configure(sandbox, `[watch]\nsettle = 0s\n[kernels]\n${settings}`);
  const secrets = ['certs/signing_key.pem', 'scripts/own.key', 'scripts/kept-here'];
  for (const path of secrets) await sandbox.write(`${buildTree}/${path}`, 'a private key\n');
  await sandbox.write(`${buildTree}/certs/signing_key.x509`, 'a certificate\n');
  const config = await sandbox.read(`${buildTree}/.config`);
  await sandbox.write(
    `${buildTree}/.config`,
    config.replace(/^CONFIG_MODULE_SIG_KEY=.*$/m, 'CONFIG_MODULE_SIG_KEY="scripts/kept-here"'),
  );

  await insist(sandbox, ['reconcile', '--trigger', 'kernel-event', '--kernel', release], 0);
  expect(await sandbox.exists(FOLDER)).toBe(false);
  // No room for it: that is said, and nothing half-written is left. It is tried again.
  await fill(sandbox, STATE, 64 * 1024);
  const full = await insist(sandbox, ['reconcile'], 0);
  expect(`${full.stdout}${full.stderr}`).toMatch(/No space left on device\.\n *→ make room for/);
  expect(await sandbox.list(FOLDER)).toEqual([]);
  await sandbox.run(['umount', STATE]);
  await insist(sandbox, ['reconcile'], 0);
  expect(await sandbox.list(FOLDER)).toEqual([`${release}.tar.zst`]);
  const archive = `${FOLDER}/${release}.tar.zst`;
  const members = (await sandbox.run(['tar', '-tf', archive])).stdout.split('\n');
  expect(members).toEqual(expect.arrayContaining(['.config', 'Makefile', 'scripts/mod/modpost']));
  expect(members).toContain('certs/signing_key.x509');
  for (const path of secrets) expect(members).not.toContain(path);
  expect(Number((await sandbox.run(['stat', '-c', '%s', archive])).stdout)).toBeLessThan(40 * 1024 ** 2);
  const settled = await snapshot(sandbox);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
  expect(changes(settled, await snapshot(sandbox))).toEqual([]);

  await sandbox.depclean(release, usr);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
  expect((await insist(sandbox, ['status'], 0)).stdout).toContain('build tree from the archive');
  // A link that is there may have followed /usr/src/linux to another kernel's tree.
  if (usr === 'merged') {
    const other = sandbox.kernel(kernels.older.gentooRelease).buildTree;
    await sandbox.run(['ln', '-s', other, `/lib/modules/${release}/build`]);
    expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
    expect((await insist(sandbox, ['status'], 0)).stdout).toContain('build tree from the archive');
  }
  await sandbox.addDriver({ version: NEWER });
  // Nor is there room to unpack it.
  await fill(sandbox, STATE, 64 * 1024, '40m');
  const narrow = await insist(sandbox, ['reconcile'], 6);
  expect(narrow.stdout).toMatch(/could not be unpacked[\s\S]*No space left on device[\s\S]*→/);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  expect(await sandbox.exists(`${STATE}/unpacked`)).toBe(false);
  await sandbox.run(['umount', STATE]);
  const built = await insist(sandbox, ['reconcile'], 0);
  expect(built.stderr).toContain('with the build tree from the archive');
  await expectSettled(sandbox, [release], NEWER);
  expect(await sandbox.exists('/var/lib/ttkmd/unpacked')).toBe(false);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');

  // A damaged archive costs nothing that is there.
  await sandbox.run(['truncate', '-s', '100000', archive]);
  await sandbox.addDriver({ version: NEWEST });
  expect((await insist(sandbox, ['reconcile'], 6)).stdout).toContain(archive);
  expect(await installedVersion(sandbox, release)).toBe(NEWER);
  expect(await sandbox.exists('/var/lib/ttkmd/unpacked')).toBe(false);
  expect((await statusOf(sandbox)).problems.find((one) => one.release === release)?.hint).toContain('rm ');

  await sandbox.removeKernel(release);
  await insist(sandbox, ['reconcile'], 0);
  expect(await sandbox.list(FOLDER)).toEqual([]);
  expect(await sandbox.read('/var/lib/ttkmd/state.json')).not.toContain(release);
});
