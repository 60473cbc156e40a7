// Killed at any moment, out of room, or among wreckage: the next reconcile ends in the same state.

import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  changes,
  dkmsStatus,
  expectSettled,
  history,
  identity,
  insist,
  installedVersion,
  intercept,
  modulePath,
  prepared,
  SAMPLE,
  snapshot,
  statusOf,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { generator } from './support/random.ts';
import { buildsAlive, noBuildAlive, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const ROUNDS = 30;

const NEWER = '1.1.0-sample';

// Within which everything that a killed run had started must have ended.
const AFTERLIFE_MS = 2000;

const CONF = `/usr/src/tenstorrent-${SAMPLE}/dkms.conf`;
const SWITCHES = `/usr/src/tenstorrent-${SAMPLE}/switches.mk`;

/** Parts of a whole that cover it evenly, each at random in its own section, in random order. */
function moments(count: number, random: () => number): number[] {
  const spread = Array.from({ length: count }, (_, index) => (index + random()) / count);
  return spread
    .map((at) => ({ at, key: random() }))
    .sort((one, other) => one.key - other.key)
    .map(({ at }) => at);
}

/** A machine as it was before ttkmd ever ran: no module, nothing registered, nothing remembered. */
async function makeFresh(sandbox: Sandbox, release: string, conf: string): Promise<void> {
  await sandbox.run([
    'sh',
    '-c',
    `rm -rf /var/lib/dkms/tenstorrent /var/lib/ttkmd/state.json /lib/modules/${release}/kernel/extra && depmod ${release}`,
  ]);
  await sandbox.write(CONF, conf);
}

/**
 * A file that may go at any moment: of a hook, the kill meets the launcher; the program behind it is told to end, and
 * does so in good order a moment later.
 */
async function readIfThere(sandbox: Sandbox, path: string): Promise<string | undefined> {
  return sandbox.read(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Whatever happened, the files that are kept can be read, and no draft of one is left as the file itself. */
async function expectReadableRecords(sandbox: Sandbox): Promise<void> {
  for (const path of ['/var/lib/ttkmd/state.json', '/run/ttkmd/run.json']) {
    JSON.parse((await readIfThere(sandbox, path)) ?? 'null');
  }
  const kept = await readIfThere(sandbox, '/var/lib/ttkmd/history.jsonl');
  if (kept === undefined) return;
  const lines = kept.split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) JSON.parse(line);
}

test(`SIGKILL at ${ROUNDS} random moments`, { timeout: 600_000 }, async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const conf = await sandbox.read(CONF);
  // A make that outlives its run does not just come to its end unseen: from the kill on it lingers.
  const linger = sandbox.path('/tmp/linger');
  await sandbox.write(
    '/usr/local/sbin/make',
    `#!/bin/sh\n/usr/bin/make "$@"\nstatus=$?\nif [ -e /tmp/linger ]; then sleep 5; fi\nexit $status\n`,
    0o755,
  );
  const hook = ['/usr/lib/kernel/preinst.d/35-ttkmd.install', release, sandbox.kernel(release).image];
  // As long as the last undisturbed run that built took: other work on the machine makes it longer and shorter.
  let duration = 0;
  const timed = async (...args: string[]): Promise<void> => {
    const start = performance.now();
    const { stderr } = await insist(sandbox, ['reconcile', ...args], 0);
    if (/✓ +built/.test(stderr)) duration = performance.now() - start;
  };
  await timed();
  await timed('--force');
  await expectSettled(sandbox, [release]);
  const undisturbed = await dkmsStatus(sandbox);

  const seed = Number(process.env.TTKMD_TEST_SEED ?? Date.now() % 2 ** 31);
  const random = generator(seed);
  const reached: Record<string, number> = {};
  let withoutModule = 0;

  for (const [index, moment] of moments(ROUNDS, random).entries()) {
    const kind = index % 4;
    const at = moment * duration;
    const rebuild = kind % 2 === 1;
    const what = `round ${index} of seed ${seed}: ${rebuild ? 'rebuild' : 'first'} by ${kind < 2 ? 'reconcile' : 'hook'}, killed after ${Math.round(at)} ms`;
    try {
      if (!rebuild) await makeFresh(sandbox, release, conf);
      if (kind === 3) await sandbox.write(SWITCHES, `# round ${index}\n`);
      const child = sandbox.spawn(kind < 2 ? ['/usr/bin/ttkmdctl', 'reconcile', '--force'] : hook, {
        stdio: 'ignore',
      });
      const ended = once(child, 'exit');
      const start = performance.now();
      const startedAt = Date.now();
      await Promise.race([sleep(at), ended]);
      if (child.exitCode !== null) duration = performance.now() - start;
      writeFileSync(linger, '');
      child.kill('SIGKILL');
      await ended;

      const found = await installedVersion(sandbox, release);
      await noBuildAlive(sandbox, AFTERLIFE_MS);
      await expectReadableRecords(sandbox);
      const step = await lastStep(sandbox, startedAt);
      reached[step] = (reached[step] ?? 0) + 1;
      if (rebuild && found !== SAMPLE) {
        withoutModule += 1;
        // While dkms writes the new one over the old there is half of one; and nowhere else.
        expect(step, 'the module was away outside of dkms install').toBe('install');
      }
      rmSync(linger);
      await timed();
      await expectSettled(sandbox, [release]);
      expect(await dkmsStatus(sandbox)).toEqual(undisturbed);
    } catch (error) {
      throw new Error(what, { cause: error });
    }
  }
  expect(await sandbox.list('/var/lib/ttkmd')).toEqual(['history.jsonl', 'manifest.json', 'state.json']);
  console.log(
    `SIGKILL: seed ${seed}, over some ${Math.round(duration)} ms, by step ${JSON.stringify(reached)}, without a module ${withoutModule}`,
  );
  // Kills that all fell before or after the work would prove nothing.
  expect(ROUNDS - (reached.none ?? 0)).toBeGreaterThan(ROUNDS / 3);
});

/** The step that a run had come to; `none` where it had not begun or had come to its end. */
async function lastStep(sandbox: Sandbox, startedAt: number): Promise<string> {
  const text = await readIfThere(sandbox, '/run/ttkmd/run.json');
  if (text === undefined) return 'none';
  const run = JSON.parse(text) as { since: number };
  if (run.since < startedAt) return 'none';
  const lines = (await sandbox.read('/run/ttkmd/events.jsonl')).split('\n').slice(0, -1);
  const events = lines.map((line) => JSON.parse(line) as { type: string; step?: string });
  return events.findLast(({ type }) => type === 'step-started')?.step ?? 'none';
}

test('killed in the middle of dkms install: the module that was there stays', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  await insist(sandbox, ['reconcile'], 0);
  // dkms runs this after the point where it would take a module of the same version away, and before it copies.
  const folder = `/usr/src/tenstorrent-${SAMPLE}`;
  await sandbox.write(`${folder}/pause`, '#!/bin/sh\nif [ -e /tmp/pause ]; then sleep 100; fi\n', 0o755);
  await sandbox.write(CONF, `${await sandbox.read(CONF)}PRE_INSTALL="pause"\n`);
  await sandbox.write('/tmp/pause', '');
  const child = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile'], { stdio: 'ignore' });
  await until('dkms pauses', () => sandbox.processes().some(({ command }) => command === 'sleep 100'));
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await noBuildAlive(sandbox, AFTERLIFE_MS);
  await sandbox.remove('/tmp/pause');
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  expect((await insist(sandbox, ['ready', release], 1)).stdout).toContain('not ready');
  // Had it been killed a moment later, half of the new one would be there.
  await sandbox.write(await modulePath(sandbox, release), 'half a module');
  await sandbox.write(CONF, (await sandbox.read(CONF)).replace('pause', 'false'));
  await sandbox.write(SWITCHES, 'broken := y\n');
  await insist(sandbox, ['reconcile'], 6);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  await sandbox.remove(SWITCHES);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);

  // A module of somebody else's, which dkms keeps for the day when its own is uninstalled: killed again and again
  // with ours in its place and no record of it, that one is still kept, and ours is not.
  const module = await modulePath(sandbox, release);
  const theirs = '0.0.1-theirs';
  await sandbox.run(['sh', '-c', `sed 's/version=${SAMPLE}/version=${theirs}/' ${module} > /tmp/theirs.ko`]);
  await makeFresh(sandbox, release, await sandbox.read(CONF));
  await sandbox.run([
    'sh',
    '-c',
    `mkdir -p "\${0%/*}" && cp /tmp/theirs.ko "$0" && depmod ${release}`,
    module,
  ]);
  expect(await installedVersion(sandbox, release)).toBe(theirs);
  const halt = 'case "$*" in *kernel-*) if [ -e /tmp/halt ]; then sleep 200; fi;; esac';
  await intercept(sandbox, 'ln', halt);
  for (const round of [1, 2]) {
    await sandbox.write('/tmp/halt', '');
    const killed = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile', '--force'], { stdio: 'ignore' });
    await until('dkms halts', () => sandbox.processes().some(({ command }) => command === 'sleep 200'));
    expect(await sandbox.list(`/var/lib/dkms/tenstorrent`)).not.toContain(`kernel-${release}-x86_64`);
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await noBuildAlive(sandbox, AFTERLIFE_MS);
    await sandbox.remove('/tmp/halt');
    // What is built anew differs from what lies there from the time before.
    await sandbox.write(SWITCHES, `# round ${round}\n`);
  }
  await insist(sandbox, ['reconcile'], 0);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  await sandbox.run(['dkms', 'uninstall', `tenstorrent/${SAMPLE}`, '-k', release]);
  expect(await installedVersion(sandbox, release)).toBe(theirs);
  expect(await sandbox.list('/var/lib/dkms/tenstorrent')).not.toContain('original_module');
});

describe('where the kernel or the system lacks what contains a build', () => {
  const killedInTheMiddle = async (sandbox: Sandbox, seconds: number): Promise<void> => {
    await sandbox.write(SWITCHES, `slow = ${seconds}\n`);
    const child = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile'], { stdio: 'ignore' });
    await until('the build waits', () =>
      sandbox.processes().some(({ command }) => command === `sleep ${seconds}`),
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
  };

  test('a setpriv that cannot do it: the build dies all the same', async () => {
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
    await intercept(sandbox, 'setpriv', 'exit 1');
    await killedInTheMiddle(sandbox, 100);
    await noBuildAlive(sandbox, AFTERLIFE_MS);
    await sandbox.remove(SWITCHES);
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, [kernels.v61.gentooRelease]);
  });

  test('no PID namespaces: what lives on keeps the lock, so that nobody builds beside it', async () => {
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
    await intercept(sandbox, 'unshare', 'exit 1');
    await killedInTheMiddle(sandbox, 4);
    expect(buildsAlive(sandbox)).not.toEqual([]);
    await insist(sandbox, ['reconcile', '--wait', '1'], 5);
    await sandbox.remove(SWITCHES);
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, [kernels.v61.gentooRelease]);
  });
});

describe('wreckage', () => {
  test("in dkms's tree and in our own records is cleared away", async () => {
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
    const release = kernels.v61.gentooRelease;
    const tree = '/var/lib/dkms/tenstorrent';
    await insist(sandbox, ['reconcile'], 0);
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
    const settled = await snapshot(sandbox);
    expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
    expect(changes(settled, await snapshot(sandbox))).toEqual([]);

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
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
    const release = kernels.v61.gentooRelease;
    await insist(sandbox, ['reconcile'], 0);
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
    expect(await sandbox.list('/var/lib/ttkmd')).toEqual(['history.jsonl', 'manifest.json', 'state.json']);
    expect(await sandbox.list('/run/ttkmd')).toEqual(['events.jsonl', 'lock']);
  });
});

/** Puts a small file system under a folder, with what was in it, and fills it up but for some bytes. */
async function fill(sandbox: Sandbox, folder: string, free: number): Promise<void> {
  await sandbox.run([
    'sh',
    '-c',
    `cp -a ${folder} /tmp/kept && mount -t tmpfs -o size=512k,mode=755 small ${folder} &&
     cp -a /tmp/kept/. ${folder} && rm -rf /tmp/kept
     if [ ${free} -gt 0 ]; then head -c ${free} /dev/zero >${folder}/room; fi
     cat /dev/zero >${folder}/ballast 2>/dev/null; rm -f ${folder}/room`,
  ]);
}

test('no room: said clearly, nothing half-written, and mended when there is', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  await insist(sandbox, ['reconcile'], 0);
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
      await using sandbox = await prepared({ dkms: version, tree: 'gentoo', kernels: [kernels.v61] });
      const release = kernels.v61.gentooRelease;
      await insist(sandbox, ['reconcile'], 0);
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
