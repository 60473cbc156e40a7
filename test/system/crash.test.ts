// Killed at any moment, out of room, or among wreckage: the next reconcile ends in the same state.

import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  dkmsStatus,
  expectSettled,
  insist,
  installedVersion,
  intercept,
  modulePath,
  prepared,
  SAMPLE,
  settled,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { generator } from './support/random.ts';
import { expectReadableRecords, readIfThere } from './support/records.ts';
import { buildsAlive, noBuildAlive, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const ROUNDS = 30;

// Within which everything that a killed run had started must have ended: far less than it would take by itself.
const AFTERLIFE_MS = 10_000;

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

test(`SIGKILL at ${ROUNDS} random moments`, { timeout: 600_000 }, async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const conf = await sandbox.read(CONF);
  // A make that outlives its run does not just come to its end unseen: from the kill on it lingers.
  const linger = sandbox.path('/tmp/linger');
  await sandbox.write(
    '/usr/local/sbin/make',
    `#!/bin/sh\n/usr/bin/make "$@"\nstatus=$?\nif [ -e /tmp/linger ]; then sleep 60; fi\nexit $status\n`,
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
  expect(await sandbox.list('/var/lib/ttkmd')).toEqual([
    'checks.json',
    'history.jsonl',
    'manifest.json',
    'state.json',
  ]);
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
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
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
