// The table: what of a package goes where, and with which mode.
import { describe, expect, test } from 'vitest';
import { type Group, placementsOf, type ServiceKind } from '../../../src/deploy/manifest.ts';
import { packageFolderOf } from '../../../src/deploy/package.ts';
import { isNewEnough } from '../../../src/deploy/system-node.ts';
import { memoryPackage, RELEASE } from './support.ts';

const ALL: ReadonlySet<Group> = new Set<Group>(['program', 'hooks', 'services', 'docs']);
const BOTH = ['systemd', 'openrc'] as const;

describe('a release', () => {
  const placements = placementsOf(memoryPackage(), { groups: ALL, withNode: true, services: BOTH });
  const byPath = new Map(placements.map((placement) => [placement.path, placement]));

  test('every file of it has one place, the hooks two', () => {
    expect(new Set(placements.map(({ source }) => source.slice(1)))).toEqual(new Set(Object.keys(RELEASE)));
    expect(byPath.size).toBe(placements.length);
  });

  test.each([
    ['/usr/lib/ttkmd/main.js', 0o644, 'program'],
    ['/usr/lib/ttkmd/chunk-1.js', 0o644, 'program'],
    ['/usr/lib/ttkmd/package.json', 0o644, 'program'],
    ['/usr/lib/ttkmd/node/bin/node', 0o755, 'program'],
    ['/usr/lib/ttkmd/hooks/etc/kernel/postinst.d/35-ttkmd', 0o644, 'program'],
    ['/usr/bin/ttkmdctl', 0o755, 'program'],
    ['/etc/ttkmd/ttkmd.conf', 0o644, 'program'],
    ['/usr/lib/kernel/install.d/35-ttkmd.install', 0o755, 'hooks'],
    ['/usr/lib/kernel/preinst.d/35-ttkmd.install', 0o755, 'hooks'],
    ['/usr/lib/kernel/postinst.d/35-ttkmd.install', 0o755, 'hooks'],
    ['/etc/kernel/postinst.d/35-ttkmd', 0o755, 'hooks'],
    ['/etc/kernel/prerm.d/35-ttkmd', 0o755, 'hooks'],
    ['/etc/kernel/postrm.d/35-ttkmd', 0o755, 'hooks'],
    ['/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf', 0o644, 'hooks'],
    ['/usr/share/ttkmd/login-message.sh', 0o755, 'program'],
    ['/usr/lib/systemd/system/ttkmd.service', 0o644, 'services'],
    ['/usr/lib/systemd/system/tenstorrent.target', 0o644, 'services'],
    ['/etc/init.d/ttkmd', 0o755, 'services'],
    ['/etc/conf.d/ttkmd', 0o644, 'services'],
    ['/usr/share/man/man8/ttkmdctl.8', 0o644, 'docs'],
    ['/usr/share/zsh/site-functions/_ttkmdctl', 0o644, 'docs'],
  ])('%s', (path, mode, group) => {
    expect(byPath.get(path)).toMatchObject({ mode, group });
  });

  test('nothing is there before what it calls', () => {
    const order = placements.map(({ path }) => path);
    const calls = ['chunk-1.js', 'main.js'].map((name) => order.indexOf(`/usr/lib/ttkmd/${name}`));
    calls.push(
      order.indexOf('/usr/bin/ttkmdctl'),
      order.indexOf('/usr/lib/kernel/install.d/35-ttkmd.install'),
    );
    expect(calls).toEqual([...calls].sort((a, b) => a - b));
  });

  test.each<[readonly ServiceKind[], string[]]>([
    [[], []],
    [['systemd'], ['/usr/lib/systemd/system/tenstorrent.target', '/usr/lib/systemd/system/ttkmd.service']],
    [['openrc'], ['/etc/init.d/ttkmd', '/etc/conf.d/ttkmd']],
  ])('services for %j alone', (services, expected) => {
    const found = placementsOf(memoryPackage(), { groups: ALL, withNode: false, services });
    expect(found.filter(({ group }) => group === 'services').map(({ path }) => path)).toEqual(expected);
  });

  test('a part of it', () => {
    const hooks = placementsOf(memoryPackage(), {
      groups: new Set<Group>(['hooks']),
      withNode: true,
      services: BOTH,
    });
    expect(hooks).toHaveLength(7);
    const bare = placementsOf(memoryPackage(), { groups: ALL, withNode: false, services: BOTH });
    expect(bare.some(({ path }) => path.includes('/node/'))).toBe(false);
  });
});

describe('other package folders', () => {
  const hooks = Object.fromEntries(Object.entries(RELEASE).filter(([path]) => path.startsWith('hooks/')));

  test('a checkout', () => {
    const files = {
      'dist/main.js': 'x',
      'dist/share/man/man8/ttkmdctl.8': '.TH',
      'node_modules/node/bin/node': 'ELF',
    };
    const found = memoryPackage(files, hooks);
    expect(found.kind).toBe('checkout');
    const sources = placementsOf(found, { groups: ALL, withNode: true, services: BOTH }).map(
      ({ source }) => source,
    );
    expect(sources).toEqual(expect.arrayContaining(Object.keys(files).map((path) => `/${path}`)));
  });

  test('what is installed already', () => {
    const found = memoryPackage({ 'main.js': 'x', 'chunk-1.js': 'y', 'node/bin/node': 'ELF' }, hooks);
    expect(found.kind).toBe('installed');
    const places = placementsOf(found, { groups: ALL, withNode: true, services: BOTH }).map(
      ({ path }) => path,
    );
    expect(new Set(places).size).toBe(places.length);
  });

  test('a folder without ttkmd', () => {
    expect(() => memoryPackage({}, { 'lib/main.js': 'x' })).toThrow('There is no ttkmd to install');
  });

  test.each([
    ['/opt/ttkmd-1.0/lib', '/opt/ttkmd-1.0'],
    ['/home/me/ttkmd/dist', '/home/me/ttkmd'],
    ['/home/me/ttkmd/src/cli', '/home/me/ttkmd'],
    ['/usr/lib/ttkmd', '/usr/lib/ttkmd'],
  ])('the program in %s belongs to %s', (program, folder) => {
    expect(packageFolderOf(program)).toBe(folder);
  });
});

test.each([
  ['22.22.0', true],
  ['v24.1.0', true],
  ['22.21.9', false],
  ['20.19.2', false],
  ['', false],
])('Node.js %s', (version, enough) => {
  expect(isNewEnough(version)).toBe(enough);
});
