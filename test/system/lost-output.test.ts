// Output that nobody reads or no disk takes: it ends no work half-way, and whoever wanted it hears of it.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HURRIED, hasDriver } from './support/daemon.ts';
import {
  configure,
  insist,
  installedVersion,
  modulePath,
  prepared,
  SAMPLE,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const MACHINE = { dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] } as const;
const RELEASE = kernels.v61.gentooRelease;
const SWITCHES = `/usr/src/tenstorrent-${SAMPLE}/switches.mk`;

/** Runs a command whose output goes into a pipe that is closed after a line; gives its exit status. */
async function unread(sandbox: Sandbox, command: string): Promise<string> {
  await sandbox.run(['sh', '-c', `{ ${command}; echo $? >/tmp/status; } 2>&1 | head -n 1`]);
  return (await sandbox.read('/tmp/status')).trim();
}

test('a run goes on to its end when its reader has gone', async () => {
  await using sandbox = await prepared(MACHINE);
  // Something to tell long after the first line.
  await sandbox.write(SWITCHES, 'slow = 1\n');
  expect(await unread(sandbox, 'ttkmdctl reconcile')).toBe('0');
  expect(await installedVersion(sandbox, RELEASE)).toBe(SAMPLE);
  expect(await sandbox.list('/var/lib/ttkmd/staging')).toEqual([]);
});

test('a run that its terminal does not end goes on without it', async () => {
  await using sandbox = await prepared(MACHINE);
  await sandbox.write(SWITCHES, 'slow = 1\n');
  // In a session of its own it is not told that the terminal goes, which is as soon as a step has begun.
  const shell =
    "stty cols 80; trap '' HUP; setsid ttkmdctl reconcile & until grep -qs step-started /run/ttkmd/events.jsonl; do sleep 0.1; done";
  await sandbox.run(['script', '-qefc', shell, '/dev/null'], { env: { TERM: 'xterm-256color' } });
  await hasDriver(sandbox, RELEASE);
  expect(await sandbox.list('/var/lib/ttkmd/staging')).toEqual([]);
});

test('a hook builds though nobody reads what it says', async () => {
  await using sandbox = await prepared(MACHINE);
  const hook = `/usr/lib/kernel/preinst.d/35-ttkmd.install ${RELEASE} ${sandbox.kernel(RELEASE).image}`;
  // It has something to say before it begins.
  await sandbox.run(['mkdir', '-p', '/run/ttkmd']);
  const other = sandbox.spawn(['flock', '-o', '/run/ttkmd/lock', 'sleep', '300'], { stdio: 'ignore' });
  await until('it holds the lock', () => sandbox.processes().some(({ command }) => command === 'sleep 300'));
  const running = sandbox.run(['sh', '-c', `{ ${hook}; echo $? >/tmp/status; } 2>&1 | true`]);
  await sleep(2000);
  other.kill();
  await running;
  expect((await sandbox.read('/tmp/status')).trim()).toBe('0');
  expect(await installedVersion(sandbox, RELEASE)).toBe(SAMPLE);
});

test.each(['text', 'json'])('the daemon works though no disk takes its log: %s', async (format) => {
  await using sandbox = await prepared(MACHINE);
  await configure(sandbox, `${HURRIED}[log]\nformat = ${format === 'json' ? 'json' : 'auto'}\n`);
  const child = sandbox.spawn(['sh', '-c', 'exec /usr/bin/ttkmdctl daemon >/dev/full 2>&1'], {
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  await hasDriver(sandbox, RELEASE);
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
});

test('whoever looks is told when the answer could not be written, and not when nobody wants more of it', async () => {
  await using sandbox = await prepared(MACHINE);
  await insist(sandbox, ['reconcile'], 0);
  const full = await sandbox.run(['sh', '-c', 'ttkmdctl status --json >/dev/full'], { allowFailure: true });
  expect(full.code).toBe(6);
  expect(full.stderr).toMatch(/^ttkmdctl: ENOSPC: no space left on device, write\n {2}→ make room/);
  const help = await sandbox.run(['sh', '-c', 'ttkmdctl --help >/dev/full'], { allowFailure: true });
  expect([help.code, help.stderr.split('\n')[0]]).toEqual([6, full.stderr.split('\n')[0]]);
  expect(await unread(sandbox, 'ttkmdctl status --json')).toBe('0');
  // What it would have told is worse.
  await sandbox.remove(await modulePath(sandbox, RELEASE));
  const degraded = await sandbox.run(['sh', '-c', 'ttkmdctl status >/dev/full'], { allowFailure: true });
  expect([degraded.code, degraded.stderr]).toEqual([1, full.stderr]);
  await insist(sandbox, ['reconcile'], 0);
  // What has no end by itself ends with its reader.
  let hasEnded = false;
  const watching = unread(sandbox, 'ttkmdctl status --watch').finally(() => {
    hasEnded = true;
  });
  for (let news = 1; !hasEnded; news += 1) {
    await sandbox.addDriver({ version: `1.0.${news}-sample` });
    await sleep(500);
  }
  expect(await watching).toBe('0');
});
