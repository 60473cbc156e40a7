// The daemon's callers: what it answers and serves, and how it ends.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Daemon, HURRIED, hasDriver, machine, quiet, settledMachine, small, told } from './support/daemon.ts';
import { configure, doneCount, printed, SAMPLE, until } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive } from './support/sandbox.ts';
import { untilDone } from './support/waiting.ts';

const { kernels } = parts();

/** Until a connection is over, in whatever way. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

test('callers that are malformed, huge, slow or many hurt nobody', async () => {
  await using sandbox = await settledMachine();
  await using daemon = await Daemon.start(sandbox);
  await hasDriver(sandbox, kernels.v61.gentooRelease);
  await quiet(sandbox);
  const path = sandbox.path('/run/ttkmd/status.sock');
  const control = sandbox.path('/run/ttkmd/control.sock');
  const { stdout: modes } = await sandbox.run([
    'stat',
    '-c',
    '%a %U %G',
    '/run/ttkmd/status.sock',
    '/run/ttkmd/control.sock',
  ]);
  expect(modes.trim().split('\n')).toEqual(['666 root root', '660 root root']);

  const talk = async (socketPath: string, text: string): Promise<string> => {
    const socket = connect(socketPath);
    let answer = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      answer += part;
    });
    socket.on('error', () => {});
    socket.end(text);
    await closed(socket);
    return answer;
  };
  expect(await talk(path, 'no HTTP at all\r\n\r\n')).toContain('400');
  expect(await talk(path, `GET /status HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toContain(
    '400',
  );
  expect(
    await talk(
      control,
      `POST /reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${'{'.repeat(900_000)}`,
    ),
  ).toMatch(/^(HTTP\/1.1 4|$)/);
  expect(
    await talk(control, 'POST /reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull'),
  ).toContain('400');

  // Many that never say anything: they are let go, and whoever asks then is answered.
  const idlers = Array.from({ length: 300 }, () => connect(path).on('error', () => {}));
  const gone = Promise.all(idlers.map(closed));
  await gone;
  expect((await told(daemon)).health).toBe('ok');
  const answers = await Promise.all(Array.from({ length: 30 }, () => daemon.get('/status')));
  expect(answers.every(({ status }) => status === 200)).toBe(true);

  // One that listens and does not read.
  const deaf = connect(path);
  deaf.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  deaf.pause();
  expect((await daemon.post('/reconcile', '{"force":true}')).status).toBe(202);
  await untilDone(sandbox, 'build', kernels.v61.gentooRelease, (count) => count >= 2);
  deaf.destroy();
  expect(daemon.output.match(/asked over .*/g)).toEqual([
    'asked over /run/ttkmd/control.sock: reconcile of all kernels, by force',
  ]);
  await quiet(sandbox);
  await small(daemon);
  expect(daemon.openFiles()).toBeLessThan(40);
});

test('what it serves is there again where it was taken away, and is for the group that the settings name now', async () => {
  await using sandbox = await machine();
  const release = kernels.v61.gentooRelease;
  const tree = `/usr/src/linux-${release}`;
  // Somebody writes to the kernel's tree all the time.
  const writer = sandbox.spawn([
    'sh',
    '-c',
    `while :; do mkdir ${tree}/x; sleep 0.05; rmdir ${tree}/x; done`,
  ]);
  await using daemon = await Daemon.start(sandbox);
  const waits = `${release}: the driver is not built for it yet, since somebody has been writing to ${tree} for less than a minute`;
  await until('status says why it waits', async () => {
    const { stdout } = await sandbox.ttkmdctl(['status', '--quiet']);
    return stdout.includes(waits) && stdout.includes(`ttkmdctl reconcile --kernel ${release}`);
  });
  writer.kill();
  await hasDriver(sandbox, release);
  await quiet(sandbox);

  const control = (): Promise<string> =>
    sandbox.run(['stat', '-c', '%a %g', '/run/ttkmd/control.sock']).then(({ stdout }) => stdout.trim());
  expect(await control()).toBe('660 0');
  await sandbox.run(['sh', '-c', 'printf "ttkmd:x:4242:\nwheel2:x:4243:\n" >>/etc/group']);
  expect((await daemon.post('/reload')).status).toBe(202);
  await until('the group that came later may give orders', async () => (await control()) === '660 4242');
  await configure(sandbox, `${HURRIED}[control]\ngroup = wheel2\n`);
  await until('the other group may', async () => (await control()) === '660 4243');
  await quiet(sandbox);

  await sandbox.run(['rm', '-rf', '/run/ttkmd']);
  await until('all is there again', async () => {
    const there = await sandbox.list('/run/ttkmd').catch((): string[] => []);
    return ['control.sock', 'status.json', 'status.sock'].every((name) => there.includes(name));
  });
  expect(await control()).toBe('660 4243');
  expect((await told(daemon)).health).toBe('ok');
  await sandbox.run(['rm', '/run/ttkmd/control.sock']);
  await until('one socket alone is there again', () =>
    daemon.post('/nothing').then(
      ({ status }) => status === 404,
      () => false,
    ),
  );
  expect(await daemon.stop()).toBe(0);
  expect(await sandbox.list('/run/ttkmd')).not.toContain('status.json');
});

test('events are streamed, status is drawn again, and a run is cancelled over the socket', async () => {
  await using sandbox = await machine();
  const release = kernels.v61.gentooRelease;
  await sandbox.addDriver({ slowSeconds: 20 });
  await using daemon = await Daemon.start(sandbox);
  const watcher = sandbox.spawn(['/usr/bin/ttkmdctl', 'status', '--watch'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let screen = '';
  watcher.stdout?.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  await until('make is slow', () => sandbox.processes().some(({ command }) => command === 'sleep 20'));
  await until('the watcher sees it', () =>
    screen.includes(`now: build tenstorrent ${SAMPLE} for ${release}`),
  );
  expect((await daemon.post('/cancel')).status).toBe(202);
  await noBuildAlive(sandbox, 10_000);
  await sandbox.addDriver();
  await hasDriver(sandbox, release);
  await until(
    'the watcher sees the end',
    () => screen.trimEnd().split('● ').at(-1)?.startsWith('tenstorrent: ok') === true,
  );
  watcher.kill('SIGINT');
  expect((await once(watcher, 'exit'))[0]).toBe(0);
});

test('stopped or killed in the middle of a build, the next start mends it; a second daemon is refused', async () => {
  await using sandbox = await machine();
  const release = kernels.v61.gentooRelease;
  const slow = (): boolean => sandbox.processes().some(({ command }) => command === 'sleep 15');
  await sandbox.addDriver({ slowSeconds: 15 });
  const first = await Daemon.start(sandbox);
  await until('make is slow', slow);
  const second = await sandbox.ttkmdctl(['daemon']);
  expect(printed(second)).toMatch(/^exit status 5\n.*Another daemon runs already/s);
  expect(await first.stop()).toBe(0);
  await noBuildAlive(sandbox, 1000);
  expect(await sandbox.list('/run/ttkmd')).not.toContain('run.json');

  const killed = await Daemon.start(sandbox);
  await until('make is slow', slow);
  await killed.stop('SIGKILL');
  // The child goes on by itself, and the next daemon waits for it.
  await using daemon = await Daemon.start(sandbox);
  await hasDriver(sandbox, release);
  await quiet(sandbox);
  expect(await doneCount(sandbox, 'build')).toEqual({ [release]: 1 });
  expect((await told(daemon)).health).toBe('ok');
});
