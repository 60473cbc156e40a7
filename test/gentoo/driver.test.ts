// The driver's ebuild, merged and unmerged by the real Portage: both of its ways, and what comes with kernels beside it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  dkmsStatus,
  history,
  identity,
  insist,
  installedVersion,
  intercept,
  letGo,
  modulePath,
  printed,
  releaseOf,
  statusOf,
} from '../system/support/machine.ts';
import { parts } from '../system/support/parts.ts';
import { GentooRoot } from './support/root.ts';

describe('sys-kernel/tt-kmd', () => {
  const { v61, v612, cloud } = parts().kernels;
  const kernels = [v61, v612].map((part) => releaseOf(part, 'gentoo'));
  const without = releaseOf(cloud, 'gentoo');
  const DRIVER = '2.10.0';
  const NEXT = '2.10.1';
  const LAST = '2.10.2';
  let root: GentooRoot;

  /** Every module file of ours, wherever it lies. */
  const moduleFiles = async (): Promise<string[]> => {
    const { stdout } = await root.sandbox.run(['find', '/lib/modules/', '-name', 'tenstorrent.ko*']);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  };
  const moduleOf = async (release: string): Promise<object | undefined> =>
    (await statusOf(root.sandbox)).kernels.find((kernel) => kernel.release === release)?.module;
  const expectDriver = async (
    releases: readonly string[],
    folder: string,
    version = DRIVER,
  ): Promise<void> => {
    for (const release of releases) {
      expect(await installedVersion(root.sandbox, release)).toBe(version);
      expect(await modulePath(root.sandbox, release)).toMatch(
        new RegExp(`^/lib/modules/${release}/${folder}/`),
      );
    }
    expect(await moduleFiles()).toHaveLength(releases.length);
  };

  beforeAll(async () => {
    root = await GentooRoot.create('systemd');
    for (const part of [v61, v612]) await root.sandbox.addKernel(part);
    await root.sandbox.link(`linux-${kernels[1]}`, '/usr/src/linux');
    await root.offerTtKmd(DRIVER);
    await root.use('sys-kernel/tt-kmd', 'dkms');
  });
  afterAll(async () => {
    await root[Symbol.asyncDispose]();
  });

  test('USE=dkms without ttkmd: dkms builds it for every kernel, and gives it back', async () => {
    const merged = await root.emerge(['sys-kernel/tt-kmd']);
    expect(printed(merged)).toContain('Nothing builds this driver for kernels that come later');
    await expectDriver(kernels, 'kernel/extra|extra');
    const conf = await root.sandbox.read(`/usr/src/tenstorrent-${DRIVER}/dkms.conf`);
    expect(conf).not.toMatch(/AUTOINSTALL|POST_INSTALL/);
    expect(await root.sandbox.exists('/etc/udev/rules.d/50-tenstorrent.rules')).toBe(false);
    expect(await root.filesOf(`sys-kernel/tt-kmd-${DRIVER}`)).toContain(
      '/usr/lib/udev/rules.d/50-tenstorrent.rules',
    );
    await root.emerge(['--quiet', '--unmerge', 'sys-kernel/tt-kmd']);
    expect(await moduleFiles()).toEqual([]);
    expect(await root.sandbox.exists(`/usr/src/tenstorrent-${DRIVER}`)).toBe(false);
    expect((await root.sandbox.run(['dkms', 'status'])).stdout).toBe('');
  });

  test('USE=dkms with ttkmd: built by that, and again by emerge --config', async () => {
    await root.mergeTtkmd();
    await root.emerge(['sys-kernel/tt-kmd']);
    await expectDriver(kernels, 'kernel/extra|extra');
    const { kernels: listed, driver } = await statusOf(root.sandbox);
    expect(driver.desired).toBe(DRIVER);
    for (const release of kernels) {
      expect(listed.find((kernel) => kernel.release === release)?.module.state).toBe('current');
    }
    // The rule is Portage's, and ttkmd has left it at that.
    expect(await root.sandbox.read('/usr/lib/udev/rules.d/50-tenstorrent.rules')).toBe(
      await root.sandbox.read(`/usr/src/tenstorrent-${DRIVER}/udev-50-tenstorrent.rules`),
    );

    const configured = await root.emerge(['--config', 'sys-kernel/tt-kmd']);
    expect(printed(configured)).toContain(DRIVER);
    await expectDriver(kernels, 'kernel/extra|extra');
  });

  test('switched to USE=-dkms and back: exactly one module each time', async () => {
    await root.use('sys-kernel/tt-kmd', '-dkms');
    await root.emerge(['sys-kernel/tt-kmd']);
    // For the kernel in /usr/src/linux alone.
    await expectDriver(kernels.slice(1), 'extra');
    expect((await root.sandbox.run(['dkms', 'status'])).stdout).toBe('');
    expect(await root.sandbox.exists(`/usr/src/tenstorrent-${DRIVER}`)).toBe(false);

    // It is Portage's now: ttkmd says so, builds none beside it, and names Portage's own remedy for the other kernel.
    const owner = { manager: 'portage', package: `sys-kernel/tt-kmd-${DRIVER}` };
    const [older = '', newer = ''] = kernels;
    expect(await moduleOf(newer)).toMatchObject({ state: 'current', owner, leftTo: owner });
    expect(await moduleOf(older)).toMatchObject({ state: 'missing', owner: null, leftTo: owner });
    const refused = await insist(root.sandbox, ['reconcile', '--force'], 1);
    expect(printed(refused)).toContain(`eselect kernel set linux-${older} && emerge @module-rebuild`);
    const told = await root.sandbox.run([
      '/usr/lib/kernel/install.d/35-ttkmd.install',
      'add',
      older,
      '/x',
      '/x',
    ]);
    expect(told.stdout).toContain('left to Portage');
    await expectDriver(kernels.slice(1), 'extra');
    await root.sandbox.link(`linux-${older}`, '/usr/src/linux');
    await root.emerge(['@module-rebuild']);
    // Portage leaves what it has installed before in /lib/modules, and knows it no more.
    await expectDriver(kernels, 'extra');
    expect(await moduleOf(older)).toMatchObject({ state: 'current', owner });
    expect(await moduleOf(newer)).toMatchObject({ state: 'current', owner: null, leftTo: owner });
    expect((await statusOf(root.sandbox)).health).toBe('ok');
    await root.sandbox.link(`linux-${newer}`, '/usr/src/linux');

    // What Portage has built stays where nothing can be built in its place.
    await root.use('sys-kernel/tt-kmd', 'dkms');
    await intercept(root.sandbox, 'dkms', 'case $1 in build | install) exit 10 ;; esac');
    const broken = await root.emerge(['sys-kernel/tt-kmd']);
    expect(printed(broken)).toContain('The driver could not be built for every kernel');
    await expectDriver(kernels, 'extra');
    await letGo(root.sandbox, 'dkms');
    await root.emerge(['--config', 'sys-kernel/tt-kmd']);
    await expectDriver(kernels, 'kernel/extra|extra');
    expect(await dkmsStatus(root.sandbox)).toHaveLength(kernels.length);
  });

  test('as a binary package: built for the kernels that are here, wherever it was packed', async () => {
    await root.sandbox.run(['quickpkg', 'sys-kernel/tt-kmd'], { env: { NOCOLOR: '1' } });
    await root.emerge(['--quiet', '--unmerge', 'sys-kernel/tt-kmd']);
    expect(await moduleFiles()).toEqual([]);
    await root.emerge(['--usepkgonly', 'sys-kernel/tt-kmd']);
    await expectDriver(kernels, 'kernel/extra|extra');
  });

  test('into another ROOT: its sources, and nothing of this system', async () => {
    const env = { ROOT: '/run/target' };
    const merged = await root.emerge(['--usepkgonly', '--oneshot', '--nodeps', 'sys-kernel/tt-kmd'], { env });
    expect(printed(merged)).toContain('The driver is built when /run/target is booted');
    const source = `${env.ROOT}/usr/src/tenstorrent-${DRIVER}`;
    expect(await root.sandbox.exists(`${source}/dkms.conf`)).toBe(true);
    await root.emerge(['--quiet', '--unmerge', 'sys-kernel/tt-kmd'], { env });
    expect(await root.sandbox.exists(source)).toBe(false);
    await expectDriver(kernels, 'kernel/extra|extra');
  });

  test('an update with a kernel in the same emerge, either first: built once for each kernel', async () => {
    const folder = '/var/db/repos/tenstorrent/sys-kernel/tt-kmd';
    await root.emerge(['--quiet', '--oneshot', 'sys-kernel/installkernel']);
    let before = DRIVER;
    for (const { version, kernel, files, driverFirst } of [
      { version: NEXT, kernel: '6.1.500', files: 'v61', driverFirst: false },
      { version: LAST, kernel: '6.12.500', files: 'v612', driverFirst: true },
    ] as const) {
      await root.sandbox.run([
        'cp',
        `${folder}/tt-kmd-${DRIVER}.ebuild`,
        `${folder}/tt-kmd-${version}.ebuild`,
      ]);
      await root.offerTtKmd(version);
      kernels.push(await root.offerKernel(kernel, files));
      const atoms = [`sys-kernel/sample-kernel-${kernel}`, `sys-kernel/tt-kmd-${version}`];
      if (driverFirst) atoms.reverse();
      // Without dependencies it goes by the order of the words.
      const merged = await root.emerge(['--oneshot', '--nodeps', ...atoms.map((atom) => `=${atom}`)]);
      const order = [...merged.stdout.matchAll(/>>> Completed \(.*\) (\S+?)(?:::\S+)?$/gm)].map(
        ([, one]) => one,
      );
      expect(order.filter((one) => atoms.includes(one ?? ''))).toEqual(atoms);

      await expectDriver(kernels, 'kernel/extra|extra', version);
      const builds = (await history(root.sandbox)).filter(
        (entry) => entry.step === 'build' && entry.version === version,
      );
      expect(builds.map(({ release }) => release).sort()).toEqual([...kernels].sort());
      // Nothing is left of the one before.
      expect(await root.sandbox.list('/usr/src')).not.toContain(`tenstorrent-${before}`);
      expect((await root.sandbox.run(['dkms', 'status'])).stdout).not.toContain(before);
      before = version;
    }
    // The kernels' packages have turned it.
    await root.sandbox.link(`linux-${kernels[1]}`, '/usr/src/linux');
  });

  test('a kernel that cannot have it fails no merge, and the elog tells', async () => {
    await root.sandbox.addKernel(cloud);
    const merged = await root.emerge(['sys-kernel/tt-kmd']);
    expect(printed(merged)).toContain(`>>> Completed (1 of 1) sys-kernel/tt-kmd-${LAST}`);
    expect(await installedVersion(root.sandbox, without)).toBeUndefined();
    await expectDriver(kernels, 'kernel/extra|extra', LAST);
    expect(await root.elog(`sys-kernel/tt-kmd-${LAST}`)).toContain(
      'The driver could not be built for every kernel',
    );
  });

  test('both at once: each module is named with whose it is, and none is touched', async () => {
    await root.use('sys-kernel/tt-kmd', '-dkms');
    await root.emerge(['--quiet', 'sys-kernel/tt-kmd']);
    const [, release = ''] = kernels;
    // dkms and the ebuild take each other's away; what somebody has copied there stays.
    const [own, other] = ['extra', 'updates'].map(
      (folder) => `/lib/modules/${release}/${folder}/tenstorrent.ko`,
    ) as [string, string];
    await root.sandbox.run(['install', '-D', own, other]);
    await root.sandbox.run(['depmod', release]);
    const before = await identity(root.sandbox, other);
    const { problems } = await statusOf(root.sandbox);
    const problem = problems.find(({ code }) => code === 'two-owners');
    expect(problem).toMatchObject({ release, severity: 'degraded' });
    for (const part of [own, other, 'sys-kernel/tt-kmd-']) expect(problem?.message).toContain(part);
    await root.sandbox.ttkmdctl(['reconcile', '--force']);
    expect(await identity(root.sandbox, other)).toBe(before);

    // What the message says puts it right.
    const remedy = `rm ${other} && depmod ${release}`;
    expect(problem?.hint).toContain(remedy);
    await root.sandbox.run(['sh', '-c', remedy]);
    expect(await modulePath(root.sandbox, release)).toBe(own);
    expect(await moduleOf(release)).toMatchObject({ state: 'current', owner: { manager: 'portage' } });
    await root.emerge(['--quiet', '--unmerge', 'sys-kernel/tt-kmd']);
  });
});
