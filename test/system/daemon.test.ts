// The daemon on a real file system: what it hears, what it does, what it answers, and what it costs.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Daemon } from './support/daemon.ts';
import {
  configure,
  doneCount,
  history,
  insist,
  installedVersion,
  prepared,
  printed,
  SAMPLE,
  type StatusDocument,
  statusOf,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const NEWER = '1.1.0-sample';

/** KiB of private memory that a daemon may have. */
const MOST_MEMORY = 30 * 1024;

/** Long enough to be told from a moment, short enough for a test. */
const HURRIED = '[watch]\nsettle = 1s\n';

async function machine(first = [kernels.v61]): Promise<Sandbox> {
  const sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: first });
  await configure(sandbox, HURRIED);
  return sandbox;
}

function hasDriver(sandbox: Sandbox, release: string, version = SAMPLE): Promise<void> {
  return until(
    `${release} has ${version}`,
    async () => (await installedVersion(sandbox, release)) === version,
  );
}

async function told(daemon: Daemon): Promise<StatusDocument> {
  return JSON.parse((await daemon.get('/status')).body) as StatusDocument;
}

/** Until a connection is over, in whatever way. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** What a burst of work has taken is given back when there is nothing to do. */
function small(daemon: Daemon): Promise<void> {
  return until('the daemon is small', () => daemon.memory() < MOST_MEMORY);
}

/** Until the daemon has nothing more to do. */
async function quiet(sandbox: Sandbox): Promise<void> {
  await until('nothing is under way', async () => (await statusOf(sandbox)).run === null);
  await noBuildAlive(sandbox, 10_000);
}

describe('a kernel arrives with no hook', () => {
  const release = kernels.v612.gentooRelease;
  const tree = `/usr/src/linux-${release}`;
  const modules = `/lib/modules/${release}`;

  /** Ways in which the two folders come from where they lie ready. */
  const WAYS: readonly (readonly [string, string])[] = [
    ['cp -a, the tree first', `cp -a /opt/stage/tree ${tree}; cp -a /opt/stage/modules ${modules}`],
    ['cp -a, the modules first', `cp -a /opt/stage/modules ${modules}; cp -a /opt/stage/tree ${tree}`],
    [
      'the tree bit by bit, and what makes it ready deep in it',
      `cp -a /opt/stage/modules ${modules}; cp -a /opt/stage/tree ${tree}; mv ${tree}/include/config/auto.conf /opt/stage/
       for n in $(seq 12); do sleep 0.3; mkdir ${tree}/include/deep$n; done; mv /opt/stage/auto.conf ${tree}/include/config/`,
    ],
    ['rsync', `rsync -a /opt/stage/tree/ ${tree}/; rsync -a /opt/stage/modules/ ${modules}/`],
    [
      'mv into place',
      `cp -a /opt/stage/tree /usr/src/.new; mv /usr/src/.new ${tree}; cp -a /opt/stage/modules ${modules}`,
    ],
    [
      'make modules_install, the links last',
      `cp -a /opt/stage/tree ${tree}; mkdir ${modules}; cp -a /opt/stage/modules/kernel ${modules}; cp /opt/stage/modules/modules.* ${modules}
       depmod ${release}; sleep 1.2; ln -s ${tree} ${modules}/build`,
    ],
    [
      'slowly, with the symbol versions long after the rest',
      `cp -a /opt/stage/modules ${modules}; cp -a /opt/stage/tree ${tree}; mv ${tree}/Module.symvers /opt/stage/; sleep 2; mv /opt/stage/Module.symvers ${tree}/`,
    ],
    [
      'removed in the middle, and once more',
      `cp -a /opt/stage/modules ${modules}; cp -a /opt/stage/tree ${tree} & sleep 0.2; kill $!; rm -rf ${tree} ${modules}; sleep 0.5
       cp -a /opt/stage/tree ${tree}; cp -a /opt/stage/modules ${modules}`,
    ],
  ];

  test('in each order in which files can come, one build and no failed one', {
    timeout: 400_000,
  }, async () => {
    await using sandbox = await machine();
    await sandbox.addKernel(kernels.v612);
    await sandbox.run([
      'sh',
      '-c',
      `mkdir /opt/stage && mv ${tree} /opt/stage/tree && mv ${modules} /opt/stage/modules`,
    ]);
    await using daemon = await Daemon.start(sandbox);
    await hasDriver(sandbox, kernels.v61.gentooRelease);
    for (const [index, [way, script]] of WAYS.entries()) {
      await sandbox.run(['sh', '-c', script]);
      await hasDriver(sandbox, release);
      await quiet(sandbox);
      expect(await doneCount(sandbox, 'build'), way).toMatchObject({ [release]: index + 1 });
      await sandbox.run(['sh', '-c', `rm -rf ${modules} ${tree} /boot/*${release}`]);
      await until(
        `${release} is forgotten`,
        async () => (await doneCount(sandbox, 'forget'))[release] === index + 1,
      );
    }
    const entries = await history(sandbox);
    expect(entries.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
    expect(new Set(entries.map(({ trigger }) => trigger))).toEqual(new Set(['watch']));
    await small(daemon);
    expect(await daemon.stop()).toBe(0);
  });
});

test('what changes is followed: the kernel, the driver source, the settings, and what others do', async () => {
  await using sandbox = await machine();
  const release = kernels.v61.gentooRelease;
  await using daemon = await Daemon.start(sandbox);
  await hasDriver(sandbox, release);
  await quiet(sandbox);

  // The same release, built anew, with another version of a symbol that the driver imports.
  const symvers = `/usr/src/linux-${release}/Module.symvers`;
  await sandbox.write(
    symvers,
    (await sandbox.read(symvers)).replace(/^0x\w+(?=\tmodule_layout\t)/m, '0x00000001'),
  );
  await until('it is built anew', async () => (await doneCount(sandbox, 'build'))[release] === 2);
  await quiet(sandbox);

  await sandbox.addDriver({ version: NEWER });
  await hasDriver(sandbox, release, NEWER);
  await quiet(sandbox);

  await configure(sandbox, `${HURRIED}[driver]\nversion = ${SAMPLE}\n`);
  await hasDriver(sandbox, release, SAMPLE);
  await quiet(sandbox);

  await configure(sandbox, `${HURRIED}[driver]\nversion = none-such\n`);
  await until('health is not ok', async () => (await told(daemon)).health !== 'ok');
  await configure(sandbox, `${HURRIED}[driver]\nverison = ${SAMPLE}\n`);
  await until('the mistake is named', () => /verison/.test(daemon.output));
  await configure(sandbox, HURRIED);
  await hasDriver(sandbox, release, NEWER);
  await quiet(sandbox);

  // A person at work is none of its business, but the status is.
  await insist(sandbox, ['reconcile', '--force'], 0);
  await until('the status file is of today', async () => {
    const { at } = JSON.parse(await sandbox.read('/run/ttkmd/status.json')) as { at: string };
    return Date.parse(at) > Date.now() - 5000;
  });
  await quiet(sandbox);

  // Nor is one who is killed at it, but what he leaves behind is.
  const person = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile', '--force'], { stdio: 'ignore' });
  await until('a person is at work', () => sandbox.exists('/var/lib/ttkmd/staging'));
  person.kill('SIGKILL');
  await until(
    'what he has left is cleaned up',
    async () => !(await sandbox.exists('/var/lib/ttkmd/staging')),
  );
  await quiet(sandbox);
  expect((await told(daemon)).health).toBe('ok');
  await small(daemon);
});

test('it costs nothing while idle, and a handful of watches for each kernel', async () => {
  await using sandbox = await machine();
  await using daemon = await Daemon.start(sandbox);
  await hasDriver(sandbox, kernels.v61.gentooRelease);
  await quiet(sandbox);
  const one = daemon.watches();
  expect(one).toBeLessThan(16);

  await sandbox.run([
    'sh',
    '-c',
    `for n in $(seq 49); do
       r=6.1.$n-many; mkdir -p /lib/modules/$r/kernel /usr/src/linux-$r/include/config /usr/src/linux-$r/include/generated /usr/src/linux-$r/scripts/mod
       touch /lib/modules/$r/modules.order; ln -s /usr/src/linux-$r /lib/modules/$r/build
       echo "#define UTS_RELEASE \\"$r\\"" > /usr/src/linux-$r/include/generated/utsrelease.h
     done
     mkdir -p /usr/src/linux-huge/drivers && cd /usr/src/linux-huge/drivers && seq 80 | xargs mkdir &&
     for d in *; do (cd $d && seq 1000 | xargs touch); done`,
  ]);
  await until('50 kernels are watched', () => daemon.watches() >= 4 * 50);
  await until('and are told', async () => (await told(daemon)).kernels.length >= 50);
  await quiet(sandbox);
  expect(daemon.watches()).toBeLessThanOrEqual(one + 4 * 50 + 5);
  await small(daemon);

  await sleep(3000);
  const before = daemon.switches();
  await sleep(5000);
  expect(daemon.switches() - before).toBeLessThan(20);
});

test('what no event told is found by the resync', async () => {
  await using sandbox = await machine();
  await configure(sandbox, '[watch]\nsettle = 1s\nresync = 10s\n');
  const release = kernels.v61.gentooRelease;
  await using daemon = await Daemon.start(sandbox);
  await hasDriver(sandbox, release);
  await quiet(sandbox);
  // More than the queue holds, while nobody reads it; what comes then is lost.
  daemon.signal('SIGSTOP');
  await sandbox.run([
    'sh',
    '-c',
    'cd /boot && for n in 1 2 3; do seq 9000 | xargs touch; seq 9000 | xargs rm; done',
  ]);
  await sandbox.addDriver({ version: NEWER });
  await sandbox.run(['sh', '-c', 'cd /boot && seq 9000 | xargs touch; seq 9000 | xargs rm']);
  daemon.signal('SIGCONT');
  await until(
    'the newer driver is there',
    async () => (await installedVersion(sandbox, release)) === NEWER,
    100_000,
  );
});

test('where inotify has run out, it says so, looks every so often, and recovers', async () => {
  await using sandbox = await machine();
  await configure(sandbox, '[watch]\nsettle = 1s\nresync = 10s\n');
  // The limit belongs to a user namespace; builds are not what this is about.
  const child = sandbox.spawn(
    [
      'unshare',
      '--user',
      '--map-root-user',
      'sh',
      '-c',
      'echo 3 >/proc/sys/user/max_inotify_watches; exec /usr/bin/ttkmdctl daemon',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = once(child, 'exit');
  await until('it says so', () => /inotify has no watches left.*max_user_watches/.test(output));
  await until('it looks all the same', async () => await sandbox.exists('/run/ttkmd/status.json'));
  await sandbox.run([
    'nsenter',
    '-t',
    String(child.pid),
    '-U',
    'sh',
    '-c',
    'echo 1000 >/proc/sys/user/max_inotify_watches',
  ]);
  await until('it recovers', () => /folders are watched again/.test(output), 100_000);
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
});

test('callers that are malformed, huge, slow or many hurt nobody', async () => {
  await using sandbox = await machine();
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
  await until(
    'it is built again',
    async () => Number((await doneCount(sandbox, 'build'))[kernels.v61.gentooRelease]) >= 2,
  );
  deaf.destroy();
  await quiet(sandbox);
  await small(daemon);
  expect(daemon.openFiles()).toBeLessThan(40);
});

test('what it serves is there again where it was taken away, and is for the group that the settings name now', async () => {
  await using sandbox = await machine();
  const release = kernels.v61.gentooRelease;
  const tree = `/usr/src/linux-${release}`;
  // Somebody writes to the kernel's tree all the time.
  const writer = sandbox.spawn(['sh', '-c', `while :; do mkdir ${tree}/x; sleep 0.3; rmdir ${tree}/x; done`]);
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
