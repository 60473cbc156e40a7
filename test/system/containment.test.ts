// A run dies with its parent, in each of the ways that machines allow.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { NODE, PROJECT } from './support/project.ts';
import { Sandbox } from './support/sandbox.ts';

/** Starts a build-like tree of processes with our own runner, and tells when it is there. */
const RUNNER = `
  const { createExec } = await import(process.argv[2]);
  const { createLock } = await import(process.argv[3]);
  const lock = await createLock('/run/ttkmd/lock').acquire(0);
  const stop = new AbortController();
  process.on('SIGUSR1', () => stop.abort());
  const result = await createExec('/').run('sh', ['-c', process.argv[4]], {
    env: {}, timeLimit: 60_000, nice: 0, keepOpen: lock.descriptor, signal: stop.signal,
    onLine: (line) => console.log(line),
  });
  console.log(JSON.stringify(result));
`;
const TREE = '(setsid sleep 1000 &) ; sleep 1000 & echo started; sleep 1000';
const SOURCES = [`${PROJECT}/src/host/exec.ts`, `${PROJECT}/src/host/lock.ts`];

/** What the machine lacks, and how the sandbox is made to lack it. */
const MACHINES: Readonly<Record<string, readonly string[]>> = {
  'with setpriv and PID namespaces': [],
  'without setpriv': ['/usr/bin/setpriv'],
  'without setpriv and PID namespaces': ['/usr/bin/setpriv', '/usr/bin/unshare'],
};

const LATE_SETPRIV = `
cp /usr/bin/setpriv /run/setpriv
printf '#!/bin/sh\\nsleep 0.5\\nexec /run/setpriv "$@"\\n' >/run/late
chmod +x /run/late
mount --bind /run/late /usr/bin/setpriv
`;

describe.each(Object.entries(MACHINES))('%s', { timeout: 20_000 }, (_, lacking) => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.create({ dkms: parts().dkms.v32 });
    for (const path of lacking) await sandbox.run(['mount', '--bind', '/dev/null', path]);
  });
  afterAll(() => sandbox.dispose());

  const sleeping = () => sandbox.processes().filter((one) => one.command.includes('sleep 1000'));
  const sleepers = (): number => sleeping().length;

  async function start(script: string) {
    const runner = sandbox.spawn([NODE, '--input-type=module', '-e', RUNNER, 'x', ...SOURCES, script]);
    let output = '';
    runner.stdout?.on('data', (text: Buffer) => {
      output += text.toString();
    });
    return { runner, output: () => output };
  }

  async function gone(): Promise<boolean> {
    for (let tries = 0; tries < 500 && sleepers() > 0; tries += 1) await sleep(20);
    return sleepers() === 0;
  }

  it('hands on the lines and the exit status', async () => {
    // A build takes the disk from nobody: that is the class of which `ionice` tells.
    const { runner, output } = await start('echo out; echo err >&2; ionice; exit 7');
    await once(runner, 'close');
    expect(output().split('\n').slice(0, 3).sort()).toEqual(['err', 'idle', 'out']);
    expect(output()).toContain('"code":7');
  });

  it('ends everything when it is told to', async () => {
    const { runner, output } = await start(TREE.replace('(setsid sleep 1000 &) ;', ''));
    while (!output().includes('started')) await sleep(10);
    expect(sleepers()).toBeGreaterThanOrEqual(2);
    runner.kill('SIGUSR1');
    await once(runner, 'close');
    expect(output()).toContain('"cancelled":true');
    expect(await gone()).toBe(true);
  });

  it(
    lacking.includes('/usr/bin/unshare')
      ? 'leaves orphans that hold the lock as long as they live'
      : 'ends everything when its parent is killed, what hid in a session of its own too',
    async () => {
      const { runner, output } = await start(TREE);
      while (!output().includes('started')) await sleep(10);
      expect(sleepers()).toBeGreaterThanOrEqual(3);
      runner.kill('SIGKILL');
      const take = ['flock', '-n', '/run/ttkmd/lock', 'true'];
      if (!lacking.includes('/usr/bin/unshare')) {
        expect(await gone()).toBe(true);
        expect((await sandbox.run(take, { allowFailure: true })).code).toBe(0);
        return;
      }
      await once(runner, 'close');
      expect((await sandbox.run(take, { allowFailure: true })).code).toBe(1);
      // Not by name: the sandbox shares its process numbers with the machine.
      await sandbox.run(['kill', '-KILL', ...sleeping().map(({ pid }) => String(pid))], {
        allowFailure: true,
      });
      expect(await gone()).toBe(true);
      expect((await sandbox.run(take, { allowFailure: true })).code).toBe(0);
    },
  );
});

it('a run that has only just begun dies with its parent, too', { timeout: 20_000 }, async () => {
  await using sandbox = await Sandbox.create({ dkms: parts().dkms.v32 });
  // The moment before a program has asked to die with its parent, made long.
  await sandbox.run(['sh', '-c', LATE_SETPRIV]);
  const runner = sandbox.spawn([NODE, '--input-type=module', '-e', RUNNER, 'x', ...SOURCES, TREE]);
  const commands = () => sandbox.processes().map(({ command }) => command);
  await until('it has begun', () =>
    commands().some((one) => one.includes('setpriv') && one.includes('echo started')),
  );
  runner.kill('SIGKILL');
  await once(runner, 'close');
  await sleep(1000);
  expect(commands()).toEqual([]);
});
