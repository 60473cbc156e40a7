// Installing, upgrading and removing on a host in memory.
import { describe, expect, test } from 'vitest';
import { type InstallOptions, install, remove } from '../../../src/deploy/deploy.ts';
import { HOOKS } from '../../../src/deploy/manifest.ts';
import { RECORD_PATH, readRecord } from '../../../src/deploy/record.ts';
import { memoryHost } from '../support/memory-host.ts';
import { memoryPackage } from './support.ts';

const OWN_NODE: InstallOptions = { systemNode: '24.1.0' };
const POSTINST = '/etc/kernel/postinst.d/35-ttkmd';

function kinds(actions: readonly { kind: string; path: string }[]): Record<string, string> {
  return Object.fromEntries(actions.map(({ kind, path }) => [path, kind]));
}

describe('install', () => {
  test('puts everything in place, and a second time finds nothing to do', () => {
    const host = memoryHost();
    const actions = install(host, memoryPackage(), OWN_NODE);
    expect(kinds(actions)).toMatchObject({ '/usr/lib/ttkmd': 'add-folder', '/usr/bin/ttkmdctl': 'add' });
    expect(host.fs.stat('/usr/bin/ttkmdctl')?.mode).toBe(0o755);
    expect(host.fs.stat('/etc/ttkmd/hooks.d')?.kind).toBe('folder');
    expect(host.fs.exists('/usr/lib/ttkmd/node')).toBe(false);
    expect(Object.values(readRecord(host).files).some(({ replaces }) => replaces !== undefined)).toBe(false);

    const before = host.snapshot();
    expect(install(host, memoryPackage(), OWN_NODE)).toEqual([]);
    expect(host.snapshot()).toEqual(before);
  });

  test('what the compiler made of the program that was goes', () => {
    const compiled = '/var/cache/ttkmd/compiled/v24/1234abcd';
    const host = memoryHost({ files: { [compiled]: 'code' } });
    install(host, memoryPackage(), { ...OWN_NODE, dryRun: true });
    expect(host.fs.exists(compiled)).toBe(true);
    install(host, memoryPackage(), OWN_NODE);
    expect(host.fs.exists(compiled)).toBe(false);
  });

  test('hooks alone', () => {
    const host = memoryHost();
    install(host, memoryPackage(), { only: 'hooks' });
    expect(HOOKS.every(({ path }) => host.fs.exists(path))).toBe(true);
    expect(host.fs.exists('/usr/bin/ttkmdctl')).toBe(false);
  });

  test('a dry run says the same and changes nothing', () => {
    const host = memoryHost();
    const before = host.snapshot();
    const told = install(host, memoryPackage(), { ...OWN_NODE, dryRun: true });
    expect(host.snapshot()).toEqual(before);
    expect(install(host, memoryPackage(), OWN_NODE)).toEqual(told);
  });

  test('the modes do not depend on the umask', () => {
    const previous = process.umask(0o077);
    try {
      const host = memoryHost();
      install(host, memoryPackage(), OWN_NODE);
      for (const path of ['/usr/lib/ttkmd', '/etc/ttkmd/hooks.d', '/usr', '/var/lib/ttkmd']) {
        expect(host.fs.stat(path)?.mode, path).toBe(0o755);
      }
      expect(host.fs.stat('/usr/lib/ttkmd/main.js')?.mode).toBe(0o644);
    } finally {
      process.umask(previous);
    }
  });

  test.each<[string, InstallOptions, boolean]>([
    ['none', {}, true],
    ['too old', { systemNode: '20.19.2' }, true],
    ['new enough', OWN_NODE, false],
    ['new enough, asked for ours', { ...OWN_NODE, withNode: true }, true],
  ])('Node.js of the system: %s', (_, options, brought) => {
    const host = memoryHost();
    install(host, memoryPackage(), options);
    expect(host.fs.exists('/usr/lib/ttkmd/node/bin/node')).toBe(brought);
    expect(host.fs.exists('/usr/lib/ttkmd/node/LICENSE')).toBe(brought);
  });

  test('no Node.js anywhere', () => {
    const found = memoryPackage({ 'node/bin/node': undefined });
    expect(() => install(memoryHost(), found, { systemNode: '18.0.0' })).toThrow('this host has 18.0.0');
    expect(install(memoryHost(), found, { only: 'hooks' })).not.toEqual([]);
  });
});

describe('an upgrade', () => {
  const next = memoryPackage({
    'lib/chunk-1.js': undefined,
    'lib/chunk-2.js': '// two',
    'lib/main.js': 'new',
  });

  test('replaces what changed and removes what the package has no longer', () => {
    const host = memoryHost();
    install(host, memoryPackage(), { withNode: true });
    const actions = kinds(install(host, next, OWN_NODE));
    expect(actions).toMatchObject({
      '/usr/lib/ttkmd/main.js': 'replace',
      '/usr/lib/ttkmd/chunk-2.js': 'add',
      '/usr/lib/ttkmd/chunk-1.js': 'remove',
      '/usr/lib/ttkmd/node/bin/node': 'remove',
      '/usr/lib/ttkmd/node': 'remove-folder',
    });
    expect(host.fs.readText('/usr/lib/ttkmd/main.js')).toBe('new');
    expect(host.fs.exists('/usr/lib/ttkmd/node')).toBe(false);
  });

  test('mends what was damaged, and keeps what the admin edited', () => {
    const host = memoryHost();
    install(host, memoryPackage(), OWN_NODE);
    host.put({
      '/usr/lib/ttkmd/main.js': 'damaged',
      [POSTINST]: { text: '#!/bin/sh\nexit 0\n', mode: 0o755 },
      '/etc/ttkmd/ttkmd.conf': '[log]\nlevel = debug\n',
      '/usr/lib/kernel/install.d/35-ttkmd.install': { text: '#!/bin/sh\n# kernel-install\n', mode: 0o644 },
    });
    const found = memoryPackage({ 'share/ttkmd.conf': '# new\n' });
    expect(kinds(install(host, found, OWN_NODE))).toEqual({
      '/usr/lib/ttkmd/main.js': 'replace',
      [POSTINST]: 'keep',
      '/etc/ttkmd/ttkmd.conf': 'keep',
      '/usr/lib/kernel/install.d/35-ttkmd.install': 'mode',
    });
    expect(host.fs.readText('/etc/ttkmd/ttkmd.conf')).toContain('debug');

    expect(kinds(install(host, found, { ...OWN_NODE, force: true }))).toEqual({
      [POSTINST]: 'replace',
      '/etc/ttkmd/ttkmd.conf': 'keep',
    });
  });

  test('an untouched configuration follows the package', () => {
    const host = memoryHost();
    install(host, memoryPackage(), OWN_NODE);
    install(host, memoryPackage({ 'share/ttkmd.conf': '# new\n' }), OWN_NODE);
    expect(host.fs.readText('/etc/ttkmd/ttkmd.conf')).toBe('# new\n');
  });
});

describe('what others put there', () => {
  test('is named once, however many files it keeps out', () => {
    const host = memoryHost({ files: { '/usr/lib/ttkmd': 'a file' } });
    expect(() => install(host, memoryPackage(), OWN_NODE)).toThrow(
      'is in the way: /usr/lib/ttkmd is not a folder.',
    );
  });

  test('is in the way, and then nothing is done', () => {
    const host = memoryHost({ files: { [POSTINST]: 'foreign', '/usr/bin/ttkmdctl': { link: '/opt/x' } } });
    const before = host.snapshot();
    expect(() => install(host, memoryPackage(), OWN_NODE)).toThrow(
      /\/usr\/bin\/ttkmdctl is a symbolic link; .*35-ttkmd is not ours/,
    );
    expect(host.snapshot()).toEqual(before);

    install(host, memoryPackage(), { ...OWN_NODE, force: true });
    expect(host.fs.lstat('/usr/bin/ttkmdctl')?.kind).toBe('file');
    expect(host.fs.exists('/opt/x')).toBe(false);
  });

  test('a folder is never replaced', () => {
    const host = memoryHost({ files: { [POSTINST]: { folder: true } } });
    expect(() => install(host, memoryPackage(), { ...OWN_NODE, force: true })).toThrow('is a folder');
  });

  test('a file where a folder has to be', () => {
    const host = memoryHost({ files: { '/usr/lib/dracut': 'x' } });
    expect(() => install(host, memoryPackage(), OWN_NODE)).toThrow('/usr/lib/dracut is not a folder');
  });

  test('a mask and a configuration stay', () => {
    const host = memoryHost({
      files: { [POSTINST]: { link: '/dev/null' }, '/etc/ttkmd/ttkmd.conf': '[log]\n' },
    });
    const actions = kinds(install(host, memoryPackage(), OWN_NODE));
    expect(actions).toMatchObject({ [POSTINST]: 'keep', '/etc/ttkmd/ttkmd.conf': 'keep' });
    remove(host);
    expect(host.fs.readLink(POSTINST)).toBe('/dev/null');
    expect(host.fs.readText('/etc/ttkmd/ttkmd.conf')).toBe('[log]\n');
  });

  test('the very same file is left to its owner', () => {
    const host = memoryHost({
      files: { [POSTINST]: { text: '#!/bin/sh\n# debian-postinst\n', mode: 0o755 } },
    });
    expect(kinds(install(host, memoryPackage(), OWN_NODE))[POSTINST]).toBeUndefined();
    remove(host);
    expect(host.fs.exists(POSTINST)).toBe(true);

    expect(kinds(install(host, memoryPackage(), { ...OWN_NODE, force: true }))[POSTINST]).toBe('adopt');
    remove(host);
    expect(host.fs.exists(POSTINST)).toBe(false);
  });
});

describe('remove', () => {
  test('leaves the host as it was', () => {
    const host = memoryHost({ files: { '/usr/lib/kernel/install.d/50-depmod.install': 'x', '/etc/x': '' } });
    const before = host.snapshot();
    install(host, memoryPackage(), { withNode: true });
    const actions = remove(host);
    expect(actions[0]?.path).toMatch(/35-ttkmd|50-ttkmd/);
    expect(Object.keys(host.snapshot()).filter((path) => !path.startsWith('/var'))).toEqual(
      Object.keys(before),
    );
    expect(host.fs.exists('/var/lib/ttkmd')).toBe(false);
    expect(remove(host)).toEqual([]);
  });

  test('hooks alone, and back again', () => {
    const host = memoryHost();
    install(host, memoryPackage(), OWN_NODE);
    const before = host.snapshot();
    const told = remove(host, { only: 'hooks', dryRun: true });
    expect(host.snapshot()).toEqual(before);
    expect(remove(host, { only: 'hooks' })).toEqual(expect.arrayContaining(told));
    expect(HOOKS.some(({ path }) => host.fs.exists(path))).toBe(false);
    expect(host.fs.exists('/etc/ttkmd/hooks.d')).toBe(true);
    install(host, memoryPackage(), { only: 'hooks' });
    expect(host.snapshot()).toEqual(before);
  });

  test('what was changed stays and is told; force takes it too', () => {
    for (const force of [false, true]) {
      const host = memoryHost();
      install(host, memoryPackage(), OWN_NODE);
      host.put({ [POSTINST]: 'edited' });
      expect(kinds(remove(host, { force }))[POSTINST]).toBe(force ? 'remove' : 'keep');
      expect(host.fs.exists(POSTINST)).toBe(!force);
      expect(host.fs.exists(RECORD_PATH)).toBe(false);
    }
  });

  test("the admin's own files keep their folders", () => {
    const host = memoryHost();
    install(host, memoryPackage(), OWN_NODE);
    host.put({ '/etc/ttkmd/hooks.d/build-failed': '#!/bin/sh\n', '/var/lib/ttkmd/history.jsonl': '{}' });
    remove(host);
    expect(host.fs.exists('/etc/ttkmd/hooks.d/build-failed')).toBe(true);
    expect(host.fs.list('/var/lib/ttkmd')).toEqual(['history.jsonl']);
  });

  test('a record that cannot be understood', () => {
    for (const text of ['{', '[]', '{"schema":9}']) {
      const host = memoryHost({ files: { [RECORD_PATH]: text } });
      expect(() => remove(host)).toThrow(RECORD_PATH);
    }
  });
});
