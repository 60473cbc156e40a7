// Among wreckage, or out of room: the next reconcile ends in the same state.

import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fill } from './support/disk.ts';
import {
  changes,
  dkmsStatus,
  expectSettled,
  history,
  identity,
  insist,
  installedVersion,
  modulePath,
  SAMPLE,
  settled,
  snapshot,
  statusOf,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { expectReadableRecords } from './support/records.ts';

const { kernels, dkms } = parts();

const NEWER = '1.1.0-sample';

describe('wreckage', () => {
  test("in dkms's tree and in our own records is cleared away", async () => {
    await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
    const release = kernels.v61.gentooRelease;
    const tree = '/var/lib/dkms/tenstorrent';
    const module = await identity(sandbox, await modulePath(sandbox, release));

    await sandbox.write(`${tree}/${SAMPLE}/build/tenstorrent.o`, 'half an object');
    await sandbox.write(`${tree}/${SAMPLE}/${release}/.tmp_x86_64_abc/module/tenstorrent.ko`, 'half');
    await sandbox.write(`${tree}/0.9.9-sample/build/.empty`, '');
    await sandbox.link('/usr/src/tenstorrent-0.8.0-sample', `${tree}/0.8.0-sample/source`);
    await sandbox.link('0.7.0-sample/9.9.9-gone/x86_64', `${tree}/kernel-9.9.9-gone-x86_64`);
    await sandbox.write('/var/lib/ttkmd/staging/tenstorrent/0.1/build/tenstorrent.o', 'half');
    const known = await history(sandbox);
    await sandbox.write(
      '/var/lib/ttkmd/history.jsonl',
      `${await sandbox.read('/var/lib/ttkmd/history.jsonl')}{"at":17952`,
    );
    await sandbox.write('/run/ttkmd/run.json', '{"pid":12');
    expect((await sandbox.run(['dkms', 'autoinstall', '-k', release])).stderr).toContain('Error!');

    expect((await statusOf(sandbox)).run).toBeNull();
    const plan = await insist(sandbox, ['reconcile', '--dry-run'], 0);
    expect(plan.stdout.match(/clean up: /g)).toHaveLength(6);
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, [release]);
    expect(await identity(sandbox, await modulePath(sandbox, release))).toBe(module);
    expect((await sandbox.run(['dkms', 'autoinstall', '-k', release])).stderr).toBe('');
    expect((await history(sandbox)).slice(0, known.length)).toEqual(known);
    expect((await history(sandbox)).length).toBeGreaterThan(known.length);
    const after = await snapshot(sandbox);
    expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
    expect(changes(after, await snapshot(sandbox))).toEqual([]);

    // dkms lost sight of a module that is there: nothing is built again, and dkms says what is so.
    const recorded = await dkmsStatus(sandbox);
    const losses: [() => Promise<unknown>, string[]][] = [
      [() => sandbox.remove(`${tree}/kernel-${release}-x86_64`), ['record']],
      [
        () => sandbox.link(`0.7.0-sample/${release}/x86_64`, `${tree}/kernel-${release}-x86_64`),
        ['clean', 'record'],
      ],
      [() => sandbox.remove(`${tree}/${SAMPLE}/${release}`), ['clean', 'record']],
      [() => sandbox.remove(tree), ['register', 'record']],
    ];
    for (const [lose, steps] of losses) {
      await lose();
      expect(await dkmsStatus(sandbox)).not.toEqual(recorded);
      const before = (await history(sandbox)).length;
      await insist(sandbox, ['reconcile'], 0);
      expect((await history(sandbox)).slice(before).map(({ step }) => step)).toEqual(steps);
      await expectSettled(sandbox, [release]);
      expect(await dkmsStatus(sandbox)).toEqual(recorded);
      expect(await identity(sandbox, await modulePath(sandbox, release))).toBe(module);
    }
    await sandbox.run(['dkms', 'uninstall', `tenstorrent/${SAMPLE}`, '-k', release]);
    expect(await installedVersion(sandbox, release)).toBeUndefined();
    expect(await sandbox.list(tree)).not.toContain('original_module');
  });

  test('a state file that was cut short, runs of the dead, drafts that nobody finished', async () => {
    await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
    const release = kernels.v61.gentooRelease;
    const text = await sandbox.read('/var/lib/ttkmd/state.json');
    for (const broken of [text.slice(0, text.length / 2), '', 'null', '[]', '{"schema":1,"modules":null}']) {
      await sandbox.write('/var/lib/ttkmd/state.json', broken);
      expect((await insist(sandbox, ['status', '--json'], 0)).stderr, broken).toBe('');
      await insist(sandbox, ['reconcile'], 0);
    }
    // A number that was given to another process since.
    const started = '{"pid":1,"started":"99999999999","trigger":"boot","since":1700000000000}';
    const dead = sandbox.spawn(['true'], { stdio: 'ignore' });
    await once(dead, 'exit');
    for (const run of [started, started.replace('"pid":1', `"pid":${dead.pid}`), 'null', '{}']) {
      await sandbox.write('/run/ttkmd/run.json', `${run}\n`);
      expect((await statusOf(sandbox)).run, run).toBeNull();
      expect((await insist(sandbox, ['cancel'], 0)).stdout).toContain('nothing to cancel');
    }
    for (const line of ['null', '12', '"text"', '{}', '{"at":"soon"}']) {
      await sandbox.write('/var/lib/ttkmd/history.jsonl', `${line}\n`);
      await insist(sandbox, ['history'], 0);
      await insist(sandbox, ['history', '--json'], 0);
    }
    await sandbox.write('/var/lib/ttkmd/.state.json.4242.new', 'half');
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, [release]);
    expect(await sandbox.list('/var/lib/ttkmd')).toEqual([
      'checks.json',
      'history.jsonl',
      'manifest.json',
      'state.json',
    ]);
    expect(await sandbox.list('/run/ttkmd')).toEqual(['events.jsonl', 'lock']);
  });
});

test('no room: said clearly, nothing half-written, and mended when there is', async () => {
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const module = await modulePath(sandbox, release);

  const places: [string, number][] = [
    ['/var/lib/ttkmd', 0],
    // Enough for the records, and not for a build.
    ['/var/lib/ttkmd', 64 * 1024],
    ['/var/lib/dkms', 0],
  ];
  for (const [folder, free] of places) {
    const where = `${folder} with ${free} bytes left`;
    const old = await identity(sandbox, module);
    await fill(sandbox, folder, free);
    const failed = await insist(sandbox, ['reconcile', '--force'], 6);
    const said = `${failed.stdout}${failed.stderr}`;
    expect(said, where).toMatch(/no space|no room/i);
    expect(said, where).toContain(folder);
    expect(said, where).toMatch(/→ .*(room|space)/);
    expect(said, where).not.toMatch(/\.js:\d+/);
    await expectReadableRecords(sandbox);
    expect(
      (await sandbox.list('/var/lib/ttkmd')).filter((name) => name.endsWith('.new')),
      where,
    ).toEqual([]);
    expect(await sandbox.list('/run/ttkmd'), where).not.toContain('run.json');
    expect(await identity(sandbox, module), where).toBe(old);
    expect((await statusOf(sandbox)).kernels.find((one) => one.release === release)?.module.version).toBe(
      SAMPLE,
    );

    await sandbox.run(['mount', '-o', 'remount,size=64m', folder]);
    await insist(sandbox, ['reconcile', '--kernel', release], 0);
    await expectSettled(sandbox, [release]);
    await sandbox.run(['umount', folder]);
  }

  // Records are not worth a driver: what cannot be written is said, and everything else is done.
  const why: Record<string, string> = {
    'ENOSPC full': 'no space left on the device (ENOSPC)',
    'EROFS read-only': 'the file system is read-only (EROFS)',
  };
  const hookSaysItToo = async (record: string, where: string): Promise<void> => {
    await sandbox.write(module, 'damaged');
    const hook = await sandbox.run(['/usr/lib/kernel/install.d/35-ttkmd.install', 'add', release, '/boot/x']);
    expect(hook.stdout, where).toContain('built, installed, verified');
    expect(hook.stderr, where).toContain(record);
  };
  for (const [folder, record] of [
    ['/var/log/ttkmd', 'the build log could not be written: /var/log/ttkmd/builds/'],
    ['/run/ttkmd', 'this run could not be announced to ttkmdctl status and cancel: /run/ttkmd/'],
  ] as const) {
    for (const [how, reason] of Object.entries(why)) {
      const where = `${folder}, ${how}`;
      const old = await identity(sandbox, module);
      await fill(sandbox, folder, 0);
      if (how.startsWith('EROFS')) await sandbox.run(['mount', '-o', 'remount,ro', folder]);
      const done = await insist(sandbox, ['reconcile', '--force'], 0);
      const said = `${done.stdout}${done.stderr}`;
      expect(said, where).toContain(`✗ ${record}`);
      expect(said.split(reason), where).toHaveLength(2);
      expect(said, where).toMatch(/→ (make room there|mount that file system writable)/);
      expect(await identity(sandbox, module), where).not.toBe(old);
      if (how.startsWith('EROFS')) await sandbox.run(['mount', '-o', 'remount,rw', folder]);
      else await hookSaysItToo(record, where);
      await sandbox.run(['umount', folder]);
      await expectSettled(sandbox, [release]);
    }
  }
});

describe.each([['dkms 3.0', dkms.v30] as const, ['dkms 3.2', dkms.v32] as const])(
  'no room for a newer module, %s',
  (_, version) => {
    test('the old one stays, working and registered', async () => {
      await using sandbox = await settled({ dkms: version, tree: 'gentoo', kernels: [kernels.v61] });
      const release = kernels.v61.gentooRelease;
      const module = await modulePath(sandbox, release);
      const folder = dirname(module);
      const { size } = await stat(sandbox.path(module));
      const before = await readFile(sandbox.path(module));
      const registered = await dkmsStatus(sandbox);
      await sandbox.addDriver({ version: NEWER });
      const code = `/usr/src/tenstorrent-${NEWER}/tenstorrent.c`;
      await sandbox.write(
        code,
        `${await sandbox.read(code)}static const char room[150000] __used = { 1 };\n`,
      );

      // No room at all; and room for what is kept meanwhile, not for the larger successor.
      for (const free of [0, size + 32 * 1024]) {
        await fill(sandbox, folder, free);
        const { stdout } = await insist(sandbox, ['reconcile'], 6);
        expect(stdout).toMatch(
          new RegExp(`no room left for the module in /lib/modules/${release}\\n *→ make room`),
        );
        expect(await readFile(sandbox.path(module))).toEqual(before);
        expect(await sandbox.list(folder)).toEqual(['ballast', basename(module)]);
        expect(await modulePath(sandbox, release)).toBe(module);
        expect(await dkmsStatus(sandbox)).toEqual(expect.arrayContaining(registered));
        const status = await statusOf(sandbox);
        expect(status.health).toBe('degraded');
        expect(status.kernels.find((one) => one.release === release)?.module).toMatchObject({
          state: 'drifted',
          version: SAMPLE,
          reason: expect.stringContaining('no room left'),
        });
        await sandbox.run(['umount', folder]);
      }
      await insist(sandbox, ['reconcile'], 0);
      await expectSettled(sandbox, [release], NEWER);
    });
  },
);
