// ttkmd's own ebuild, merged and unmerged by the real Portage.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_FOLDERS, HOOKS, placementsOf } from '../../src/deploy/manifest.ts';
import { openPackage } from '../../src/deploy/package.ts';
import { insist, printed } from '../system/support/machine.ts';
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
