// Any number of hooks, reconciles and people at once: one works, the others wait, watch, and find nothing to do.

import { once } from 'node:events';
import { expect, test } from 'vitest';
import {
  doneCount,
  expectSettled,
  history,
  insist,
  installedVersion,
  prepared,
  printed,
  SAMPLE,
  statusOf,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive, type RunResult, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

/** dkms's own: the sleep between its progress dots lives on for a while. */
const FOREIGN = { allowFailure: true, untilSilent: true };

const JOURNAL = '/tmp/journal';

/** Has each make of the driver write down when it begins to compile and when it is done. */
async function keepJournal(sandbox: Sandbox, slowSeconds: number): Promise<void> {
  const source = await sandbox.addDriver({ slowSeconds });
  const switches = await sandbox.read(`${source}/switches.mk`);
  await sandbox.write(
    `${source}/switches.mk`,
    `${switches}
$(obj)/sample-delay.stamp: $(obj)/journal-start.stamp
$(obj)/journal-start.stamp:
	echo start $(KERNELRELEASE) >> ${JOURNAL}
	touch $@
always-y += journal-end.stamp
$(obj)/journal-end.stamp: $(obj)/tenstorrent.o
	echo end $(KERNELRELEASE) >> ${JOURNAL}
	touch $@
`,
  );
}

async function journal(sandbox: Sandbox): Promise<string[]> {
  return (await sandbox.exists(JOURNAL)) ? (await sandbox.read(JOURNAL)).trimEnd().split('\n') : [];
}

/** A small module of somebody else, registered with dkms, which sleeps before it compiles. */
async function addNeighbour(sandbox: Sandbox, slowSeconds: number): Promise<void> {
  const folder = '/usr/src/neighbour-1.0';
  await sandbox.write(
    `${folder}/dkms.conf`,
    'PACKAGE_NAME="neighbour"\nPACKAGE_VERSION="1.0"\nBUILT_MODULE_NAME[0]="neighbour"\nDEST_MODULE_LOCATION[0]="/extra"\nAUTOINSTALL="yes"\n',
  );
  await sandbox.write(
    `${folder}/Makefile`,
    `obj-m := neighbour.o\n$(obj)/neighbour.o: $(obj)/wait.stamp\n$(obj)/wait.stamp:\n\tsleep ${slowSeconds} && touch $@\n`,
  );
  await sandbox.write(
    `${folder}/neighbour.c`,
    '#include <linux/module.h>\nMODULE_LICENSE("GPL");\nMODULE_DESCRIPTION("a neighbour");\n',
  );
  await sandbox.run(['dkms', 'add', 'neighbour/1.0']);
}

/** Waits until somebody's make has come to the point where the journal begins. */
async function building(sandbox: Sandbox): Promise<void> {
  await until('a build has begun', async () => (await journal(sandbox)).length > 0);
}

test('ten hooks, three reconciles and dkms autoinstall at once: one make at a time, one build a kernel', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    kernels: [kernels.v61, kernels.older],
    dkmsHooks: 'own',
  });
  await keepJournal(sandbox, 0.5);
  const releases = [kernels.v61.release, kernels.older.release];
  const event = (way: string, release: string): Promise<RunResult> =>
    sandbox.ttkmdctl(['kernel-event', way, release, `/boot/vmlinuz-${release}`]);

  const started: [string, Promise<RunResult>][] = releases.flatMap((release) => [
    ['kernel-install', sandbox.kernelInstall('add', release, undefined, FOREIGN)],
    ['run-parts', sandbox.runParts('/etc/kernel/postinst.d', release, undefined, FOREIGN)],
    ['preinst.d', event('preinst.d', release)],
    ['postinst.d', event('postinst.d', release)],
    ['debian-postinst', event('debian-postinst', release)],
  ]);
  for (let count = 0; count < 3; count += 1) started.push(['reconcile', sandbox.ttkmdctl(['reconcile'])]);
  started.push(['dkms autoinstall', sandbox.run(['dkms', 'autoinstall'], FOREIGN)]);

  const ended = await Promise.all(started.map(async ([who, result]) => ({ who, ...(await result) })));
  for (const one of ended) expect(one.code, `${one.who}: ${printed(one)}`).toBe(0);
  const order = releases.map((release) => [`start ${release}`, `end ${release}`]);
  expect([order.flat(), order.reverse().flat()]).toContainEqual(await journal(sandbox));
  expect(await doneCount(sandbox, 'build')).toEqual({ [kernels.v61.release]: 1, [kernels.older.release]: 1 });
  await expectSettled(sandbox, releases);
  expect((await history(sandbox)).every(({ outcome }) => outcome === 'done')).toBe(true);
});

test('who waits sees the progress of who works, and who will not wait is told whom to wait for', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const { release } = sandbox.kernel(kernels.v61.gentooRelease);
  await keepJournal(sandbox, 3);
  const working = sandbox.ttkmdctl(['kernel-event', 'preinst.d', release, `/boot/vmlinuz-${release}`]);
  await building(sandbox);

  const { run } = await statusOf(sandbox);
  expect(run).toMatchObject({ trigger: 'kernel-event' });
  const waiting = sandbox.ttkmdctl(['reconcile']);
  const event = sandbox.ttkmdctl(['kernel-event', 'postinst.d', release]);
  const screen = await sandbox.ttkmdctl(['status']);
  expect(screen.stdout).toMatch(
    /working +a reconcile \(kernel-event\), pid \d+, for \d+ s\n +see what it does, .*reconcile/,
  );

  const impatient = await insist(sandbox, ['reconcile', '--wait', '1'], 5);
  expect(impatient.stderr).toContain(`pid ${run?.pid} (trigger kernel-event), is still at work`);
  expect(impatient.stderr).toMatch(
    /\n {2}→ wait longer with --wait, or end it, as root: ttkmdctl cancel\. .*status\n$/,
  );

  const worker = await working;
  expect(worker.code, printed(worker)).toBe(0);
  expect(worker.stdout).toMatch(/built, installed, verified \(\d+ s\) +\[ ok \]/);
  const waiter = await waiting;
  expect(waiter.code, printed(waiter)).toBe(0);
  expect(waiter.stderr).toMatch(new RegExp(`^waiting for pid ${run?.pid} \\(kernel-event, since \\d+ s\\)`));
  expect(waiter.stderr).toContain(`build tenstorrent ${SAMPLE} for ${release}: no module is installed`);
  // To its very last word, though it came just before the lock was free.
  expect(waiter.stderr).toMatch(/✓ +built[\s\S]*✓ +installed, verified/);
  expect(waiter.stdout).toContain('nothing to do');
  const hook = await event;
  expect(hook.code, printed(hook)).toBe(0);
  expect(hook.stdout).toContain('waiting for another run of ttkmd');
  expect(await journal(sandbox)).toEqual([`start ${release}`, `end ${release}`]);

  // Who waits for a run that begins no event of its own does not tell of the one before.
  const holder = sandbox.spawn(['flock', '/run/ttkmd/lock', 'cat'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await until('the lock is held', async () => {
    const { code } = await sandbox.run(['flock', '-n', '/run/ttkmd/lock', 'true'], { allowFailure: true });
    return code !== 0;
  });
  const other = await insist(sandbox, ['reconcile', '--force', '--wait', '1'], 5);
  expect(other.stderr).not.toContain('build tenstorrent');
  holder.stdin?.end();
  await once(holder, 'exit');
});

test('a holder that is killed holds nothing and leaves nothing running', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  await keepJournal(sandbox, 100);
  const holder = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile'], { stdio: 'ignore' });
  await building(sandbox);
  const waiter = sandbox.spawn(['/usr/bin/ttkmdctl', 'reconcile'], { stdio: ['ignore', 'ignore', 'pipe'] });
  await once(waiter.stderr ?? waiter, 'data');
  // The waiter is to build it in no time.
  await sandbox.write(`/usr/src/tenstorrent-${SAMPLE}/switches.mk`, '');

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const [code] = (await once(waiter, 'exit')) as [number | null];
  expect(code).toBe(0);
  await noBuildAlive(sandbox, 10_000);
  await expectSettled(sandbox, [release]);
  expect(await doneCount(sandbox, 'build')).toEqual({ [release]: 1 });
});

test('somebody else who runs dkms for another module meanwhile harms nothing, and is not harmed', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, kernels: [kernels.v61] });
  const { release } = kernels.v61;
  await addNeighbour(sandbox, 2);
  const neighbour = () =>
    sandbox.run(['dkms', 'install', '--force', 'neighbour/1.0', '-k', release], FOREIGN);
  const neighbourBuilds = () =>
    until('the neighbour builds', () => sandbox.processes().some(({ command }) => command === 'sleep 2'));

  const first = neighbour();
  await neighbourBuilds();
  await insist(sandbox, ['reconcile'], 0);
  const theirs = await first;
  expect(theirs.code, printed(theirs)).toBe(0);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  await sandbox.run(['modinfo', '-k', release, 'neighbour']);
  await expectSettled(sandbox, [release]);

  // A build of ours that failed beside a foreign one may have failed because of it: it is done again afterwards.
  await sandbox.addDriver({ broken: 'compile' });
  await sandbox.run(['dkms', 'unbuild', 'neighbour/1.0', '-k', release]);
  const second = neighbour();
  await neighbourBuilds();
  const failed = await insist(sandbox, ['reconcile'], 6);
  expect(await sandbox.read('/run/ttkmd/events.jsonl')).toContain(
    'waiting for that one, then building again',
  );
  expect(sandbox.processes().filter(({ command }) => command === 'sleep 2')).toEqual([]);
  expect(failed.stdout).toContain('asked not to build');
  expect((await second).code).toBe(0);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);

  // Nobody is waited for who cannot touch dkms's tree, whatever the process is called.
  await sandbox.run(['sh', '-c', 'cp /bin/sleep /tmp/dkms && chmod 755 /tmp/dkms']);
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '/tmp/dkms', '600'];
  const pretender = sandbox.spawn(nobody, { stdio: 'ignore' });
  await until('it sleeps', () => sandbox.processes().some(({ name }) => name === 'dkms'));
  await insist(sandbox, ['reconcile', '--kernel', release], 6);
  expect(await sandbox.read('/run/ttkmd/events.jsonl')).not.toContain('waiting for that one');
  pretender.kill('SIGKILL');
});

test('a source that somebody registered, and dkms builds at the same time, ends well all the same', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  await sandbox.run(['dkms', 'add', `tenstorrent/${SAMPLE}`]);
  await keepJournal(sandbox, 1);
  const theirs = sandbox.run(['dkms', 'autoinstall', '-k', release], FOREIGN);
  await building(sandbox);
  const ours = await sandbox.ttkmdctl(['reconcile']);
  await theirs;
  expect(ours.code, printed(ours)).toBe(0);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);
  expect((await statusOf(sandbox)).problems.map(({ code }) => code)).toContain('adopted');
});
