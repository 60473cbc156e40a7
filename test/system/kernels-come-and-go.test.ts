// Kernels that are removed, that leave something behind, or whose headers come first.

import { expect, test } from 'vitest';
import {
  changes,
  configure,
  dkmsStatus,
  expectSettled,
  insist,
  installedVersion,
  prepared,
  SAMPLE,
  snapshot,
  statusOf,
} from './support/machine.ts';
import { parts } from './support/parts.ts';

const { kernels, dkms } = parts();

test('a kernel that was removed is forgotten, and a mount that is missing is no removal', async () => {
  await using sandbox = await prepared({ dkms: dkms.v30, kernels: [kernels.v61, kernels.older] });
  const [stays, goes] = [kernels.v61.release, kernels.older.release];
  await insist(sandbox, ['reconcile'], 0);

  await configure(sandbox, '[watch]\nsettle = 0s\n');
  const before = await snapshot(sandbox);
  await sandbox.run(['mount', '-t', 'tmpfs', 'empty', '/lib/modules']);
  await sandbox.run(['mount', '-t', 'tmpfs', 'empty', '/boot']);
  const blind = await insist(sandbox, ['reconcile'], 0);
  expect(blind.stdout).toContain('nothing to do');
  expect((await statusOf(sandbox)).problems.map(({ code }) => code)).toContain('no-kernels');
  await sandbox.run(['umount', '/lib/modules', '/boot']);
  expect(changes(before, await snapshot(sandbox))).toEqual([]);

  // The image is there and the modules are not: it may be coming back.
  await sandbox.run(['rm', '-rf', `/lib/modules/${goes}`]);
  await insist(sandbox, ['reconcile'], 0);
  expect(await dkmsStatus(sandbox)).toHaveLength(2);

  await configure(sandbox, '[watch]\nsettle = 1h\n');
  await sandbox.removeKernel(goes);
  const waits = await insist(sandbox, ['reconcile'], 0);
  expect(waits.stdout).toContain(`${goes} waits: it was removed a moment ago`);
  expect(await sandbox.list('/var/lib/dkms/tenstorrent')).toContain(`kernel-${goes}-x86_64`);

  await configure(sandbox, '[watch]\nsettle = 0s\n');
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [stays]);
  expect(await dkmsStatus(sandbox)).toEqual([`tenstorrent/${SAMPLE}, ${stays}, x86_64: installed`]);
  expect(await sandbox.read('/var/lib/ttkmd/state.json')).not.toContain(goes);
  expect((await statusOf(sandbox)).kernels.map(({ release }) => release)).not.toContain(goes);
});

test('a leftover folder that holds only our module goes, and what others put there stays', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.older],
  });
  const [ours, shared] = [kernels.v61.gentooRelease, kernels.older.gentooRelease];
  const { release: stays } = await sandbox.addKernel(kernels.v61, { release: '6.1.192-gentoo-stays' });
  await configure(sandbox, '[watch]\nsettle = 0s\n');
  await insist(sandbox, ['reconcile', '--kernel', ours], 0);
  await insist(sandbox, ['reconcile', '--kernel', shared], 0);
  await insist(sandbox, ['reconcile', '--kernel', stays], 0);
  for (const release of [ours, shared]) {
    // What is left when an admin deletes the kernel's own files and its image.
    const keep = '! -path "*/extra/*" ! -name modules.dep ! -name modules.alias';
    await sandbox.run(['sh', '-c', `find /lib/modules/${release} ! -type d ${keep} -delete`]);
    await sandbox.run(['sh', '-c', `find /lib/modules/${release} -type d -empty -delete`]);
    // One lies where neither dkms nor Portage would put it: depmod's index alone tells.
    const place = release === ours ? 'misc' : 'extra';
    await sandbox.run([
      'sh',
      '-c',
      `mv /lib/modules/${release}/kernel/extra /lib/modules/${release}/${place}; rmdir /lib/modules/${release}/kernel; depmod ${release}`,
    ]);
    await sandbox.run(['rm', '-f', `/boot/vmlinuz-${release}`]);
  }
  // The other's source tree stays, as with Gentoo's gentoo-sources.
  await sandbox.run(['rm', '-rf', sandbox.kernel(ours).buildTree]);
  await sandbox.write(`/lib/modules/${shared}/extra/other.ko`, "somebody else's");
  const document = await statusOf(sandbox);
  expect(document.kernels.find(({ release }) => release === ours)?.kind).toBe('leftover');
  expect(document.health).toBe('ok');

  await insist(sandbox, ['reconcile'], 0);
  expect(await sandbox.list('/lib/modules')).toEqual([shared, stays].sort());
  expect(await sandbox.list(`/lib/modules/${shared}/extra`)).toEqual(['other.ko']);
  expect(await sandbox.read(`/lib/modules/${shared}/modules.dep`)).not.toContain('tenstorrent');
  await expectSettled(sandbox, [stays]);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');

  // Of a hand-built kernel that is removed with all its files, the source tree is left.
  const { release: sources, buildTree } = await sandbox.addKernel(kernels.v61, { release: '6.1.193-own' });
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [stays, sources]);
  await sandbox.run(['rm', '-rf', `/lib/modules/${sources}`, `/boot/vmlinuz-${sources}`]);
  expect(await sandbox.exists(`${buildTree}/Makefile`)).toBe(true);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [stays]);
  expect(await sandbox.read('/var/lib/ttkmd/state.json')).not.toContain(sources);
});

test('headers whose kernel is not installed yet get a module that modprobe finds', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, kernels: [kernels.v61] });
  const { release } = kernels.v61;
  // Debian's header package brings /lib/modules/<release>/build and nothing else.
  await sandbox.run([
    'sh',
    '-c',
    `cd /lib/modules/${release} && rm -rf kernel modules.* && rm /boot/vmlinuz-${release}`,
  ]);
  expect((await statusOf(sandbox)).kernels.find((one) => one.release === release)?.kind).toBe('headers-only');
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);

  // dkms's records at another place, and its sources: ttkmd and dkms read the same out of the same bash.
  await sandbox.write(
    '/etc/dkms/framework.conf.d/site.conf',
    `base=/opt # moved\ndkms_tree="/opt/unused"\ndkms_tree="\${base}/records"; source_tree='/opt/sources'\n`,
  );
  await sandbox.run(['rm', '-rf', '/var/lib/dkms/tenstorrent', `/lib/modules/${release}/updates`]);
  await sandbox.run(['mkdir', '/opt/records']);
  await insist(sandbox, ['reconcile'], 0);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  expect(await dkmsStatus(sandbox)).toEqual([`tenstorrent/${SAMPLE}, ${release}, x86_64: installed`]);
  expect(await sandbox.list('/opt/records/tenstorrent')).toContain(`kernel-${release}-x86_64`);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
});
