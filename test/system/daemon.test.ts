// The daemon on a real file system: what it hears and does, and what that costs.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Daemon, HURRIED, hasDriver, machine, quiet, settledMachine, small, told } from './support/daemon.ts';
import { configure, doneCount, history, insist, SAMPLE, until } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { untilDone, untilInstalled } from './support/waiting.ts';

const { kernels } = parts();

const NEWER = '1.1.0-sample';

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
      await untilDone(sandbox, 'forget', release, (count) => count === index + 1);
    }
    const entries = await history(sandbox);
    expect(entries.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
    expect(new Set(entries.map(({ trigger }) => trigger))).toEqual(new Set(['watch']));
    await small(daemon);
    expect(await daemon.stop()).toBe(0);
  });
});

test('what changes is followed: the kernel, the driver source, the settings, and what others do', async () => {
  await using sandbox = await settledMachine();
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
  await untilDone(sandbox, 'build', release, (count) => count === 2);
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
  await quiet(sandbox);
  // Once, however many steps the file was written in; what its children find begins with "health is".
  expect(daemon.output.match(/^(?:warning: )?\/etc\/ttkmd\/.*verison/gm)).toHaveLength(1);
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
  await using sandbox = await settledMachine();
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

  // It looks ever more rarely at trees that are not ready and were made a moment ago. A poll each half second would
  // leave no such time.
  await until('it sleeps for five seconds on end', async () => {
    const before = daemon.switches();
    await sleep(5000);
    return daemon.switches() - before < 3;
  });
});

test('what no event told is found by the resync', async () => {
  await using sandbox = await settledMachine();
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
  await untilInstalled(sandbox, release, NEWER, 100_000);
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
