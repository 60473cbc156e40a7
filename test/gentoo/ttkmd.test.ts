// The overlay's ebuilds, merged and unmerged by the real Portage, and looked at by pkgcheck.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_FOLDERS, HOOKS, placementsOf } from '../../src/deploy/manifest.ts';
import { openPackage } from '../../src/deploy/package.ts';
import {
  identity,
  insist,
  installedVersion,
  modulePath,
  printed,
  releaseOf,
  statusOf,
} from '../system/support/machine.ts';
import { parts } from '../system/support/parts.ts';
import { GentooRoot, releaseFolder, VERSION } from './support/root.ts';

const TTKMD = `app-admin/ttkmd-${VERSION}`;
const CONFIGURATION = '/etc/ttkmd/ttkmd.conf';

/** What the release's own install.sh would put where, on a host that has a Node.js and both inits. */
function placed(services: readonly ('systemd' | 'openrc')[]): string[] {
  const found = openPackage(releaseFolder());
  const groups = new Set(['program', 'hooks', 'services', 'docs'] as const);
  return placementsOf(found, { groups, withNode: false, services }).map(({ path }) => path);
}

/** By Portage's own habits man pages are compressed, and some documents are installed elsewhere or not at all. */
function asInstalled(path: string): string {
  return path.startsWith('/usr/share/man/') ? `${path}.bz2` : path;
}

/** In /etc, where an update waits for the admin, and run by other distributions only. */
const DEBIAN_HOOKS = HOOKS.filter(({ way }) => way.startsWith('debian-')).map(({ path }) => path);

describe('app-admin/ttkmd', () => {
  let root: GentooRoot;
  beforeAll(async () => {
    root = await GentooRoot.create('systemd');
  });
  afterAll(async () => {
    await root[Symbol.asyncDispose]();
  });

  test('has what the release has, in the same places, with USE=systemd and without', async () => {
    for (const systemd of [false, true]) {
      await root.use('app-admin/ttkmd', systemd ? 'systemd' : '-systemd');
      const merged = await root.mergeTtkmd();
      expect(printed(merged)).not.toContain('QA Notice');
      const expected = placed(systemd ? ['systemd', 'openrc'] : ['openrc'])
        .filter((path) => !DEBIAN_HOOKS.includes(path))
        .map(asInstalled);
      const own = (await root.filesOf(TTKMD)).filter(
        (path) => !path.startsWith('/usr/share/doc/') && !/\/\.keep_[^/]*$/.test(path),
      );
      // The program carries a copy of each hook, those of other distributions too.
      expect(own.sort()).toEqual(expected.sort());
      for (const { path } of EMPTY_FOLDERS) expect(await root.sandbox.exists(path)).toBe(true);
    }
    const modes = await root.sandbox.run([
      'stat',
      '-c',
      '%a %U:%G %n',
      '/usr/bin/ttkmdctl',
      '/usr/lib/kernel/preinst.d/35-ttkmd.install',
      '/etc/init.d/ttkmd',
      CONFIGURATION,
      '/usr/lib/ttkmd/main.js',
    ]);
    expect(modes.stdout.split('\n').map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      '755 root:root',
      '755 root:root',
      '755 root:root',
      '644 root:root',
      '644 root:root',
      '',
    ]);
    // Portage's Node.js is the one it runs on, and it knows its own hooks.
    await insist(root.sandbox, ['--version'], 0);
    expect((await insist(root.sandbox, ['hooks', 'status'], 0)).stdout).toContain('35-ttkmd.install  ok');
  });

  test('is the same as a binary package', async () => {
    const own = await root.filesOf(TTKMD);
    await root.sandbox.run(['quickpkg', '--include-config=y', 'app-admin/ttkmd'], {
      env: { NOCOLOR: '1' },
    });
    await root.emerge(['--quiet', '--unmerge', 'app-admin/ttkmd']);
    await root.emerge(['--usepkgonly', 'app-admin/ttkmd']);
    expect(await root.filesOf(TTKMD)).toEqual(own);
    expect((await insist(root.sandbox, ['hooks', 'status'], 0)).stdout).toContain('35-ttkmd.install  ok');
  });

  test('leaves edited settings alone, and no hook waits to be updated', async () => {
    await root.sandbox.write(CONFIGURATION, `${await root.sandbox.read(CONFIGURATION)}\n[build]\nnice = 5\n`);
    const hook = '/usr/lib/kernel/install.d/35-ttkmd.install';
    const before = await root.sandbox.read(hook);
    await root.sandbox.write(hook, `${before}# changed\n`);
    await root.emerge(['--quiet', 'app-admin/ttkmd']);
    expect(await root.sandbox.read(CONFIGURATION)).toContain('nice = 5');
    expect(await root.sandbox.list('/etc/ttkmd')).toContain('._cfg0000_ttkmd.conf');
    // A hook lies outside of /etc: its update does not wait for anybody.
    expect(await root.sandbox.read(hook)).toBe(before);
  });

  test('goes without a trace but for edited settings', async () => {
    // What it has written itself it takes off itself; the program is Portage's.
    await root.sandbox.ttkmdctl(['reconcile']);
    const own = await root.filesOf(TTKMD);
    const uninstalled = await insist(root.sandbox, ['uninstall'], 0);
    expect(uninstalled.stdout).toContain('emerge --unmerge app-admin/ttkmd');
    for (const path of own) expect(await root.sandbox.exists(path), path).toBe(true);
    expect(await root.sandbox.exists('/var/lib/ttkmd')).toBe(false);
    await root.emerge(['--quiet', '--unmerge', 'app-admin/ttkmd']);
    const found = await root.sandbox.run([
      'find',
      '/usr',
      '/etc',
      '/var/lib',
      '(',
      '-path',
      '/usr/share/portage',
      '-prune',
      ')',
      '-o',
      '-name',
      '*ttkmd*',
      '-print',
    ]);
    expect(found.stdout.split('\n').sort()).toEqual([
      '',
      '/etc/portage/package.use/app-admin-ttkmd',
      '/etc/ttkmd',
      '/etc/ttkmd/._cfg0000_ttkmd.conf',
      CONFIGURATION,
    ]);
    expect(await root.sandbox.exists(CONFIGURATION)).toBe(true);
    expect(await root.sandbox.exists('/usr/lib/ttkmd')).toBe(false);
    expect(await root.sandbox.exists('/usr/bin/ttkmdctl')).toBe(false);
    for (const { path } of HOOKS) expect(await root.sandbox.exists(path)).toBe(false);
  });
});

describe('sys-kernel/tt-kmd', () => {
  const { v61, v612, cloud } = parts().kernels;
  const kernels = [v61, v612].map((part) => releaseOf(part, 'gentoo'));
  const without = releaseOf(cloud, 'gentoo');
  const DRIVER = '2.10.0';
  const NEXT = '2.10.1';
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

    await root.use('sys-kernel/tt-kmd', 'dkms');
    await root.emerge(['sys-kernel/tt-kmd']);
    await expectDriver(kernels, 'kernel/extra|extra');
  });

  test('as a binary package: built for the kernels that are here, wherever it was packed', async () => {
    await root.sandbox.run(['quickpkg', 'sys-kernel/tt-kmd'], { env: { NOCOLOR: '1' } });
    await root.emerge(['--quiet', '--unmerge', 'sys-kernel/tt-kmd']);
    expect(await moduleFiles()).toEqual([]);
    await root.emerge(['--usepkgonly', 'sys-kernel/tt-kmd']);
    await expectDriver(kernels, 'kernel/extra|extra');
  });

  test('an update: the next version for every kernel, and nothing left of the one before', async () => {
    const folder = '/var/db/repos/tenstorrent/sys-kernel/tt-kmd';
    await root.sandbox.run(['cp', `${folder}/tt-kmd-${DRIVER}.ebuild`, `${folder}/tt-kmd-${NEXT}.ebuild`]);
    await root.offerTtKmd(NEXT);
    await root.emerge(['--update', 'sys-kernel/tt-kmd']);
    await expectDriver(kernels, 'kernel/extra|extra', NEXT);
    expect(await root.sandbox.list('/usr/src')).not.toContain(`tenstorrent-${DRIVER}`);
    expect((await root.sandbox.run(['dkms', 'status'])).stdout).not.toContain(DRIVER);
  });

  test('a kernel that cannot have it fails no merge, and the elog tells', async () => {
    await root.sandbox.addKernel(cloud);
    const merged = await root.emerge(['sys-kernel/tt-kmd']);
    expect(printed(merged)).toContain(`>>> Completed (1 of 1) sys-kernel/tt-kmd-${NEXT}`);
    expect(await installedVersion(root.sandbox, without)).toBeUndefined();
    await expectDriver(kernels, 'kernel/extra|extra', NEXT);
    expect(await root.elog(`sys-kernel/tt-kmd-${NEXT}`)).toContain(
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

// Each needs an eclass of Gentoo's own repository whose work no stand-in can do; the overlay's README tells how to run
// them on a Gentoo machine.
describe('not to be merged here', () => {
  test.skip.each([
    ['sys-kernel/tt-kmd-9999', 'git-r3.eclass, and GitHub, which cannot be reached'],
    ['sys-kernel/tt-kmd USE="modules-compress modules-sign strip"', 'the real linux-mod-r1.eclass'],
    [
      'sys-apps/tt-smi, sys-apps/tt-flash, dev-python/*',
      'distutils-r1.eclass and the Python packages of the tree',
    ],
    ['sys-apps/tt-system-tools, sys-devel/sfpi-bin', 'archives on GitHub, which cannot be reached'],
  ])('%s: it needs %s', () => {});
});
