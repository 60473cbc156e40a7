// A reconcile and the commands around it, on real kernels with the real dkms, through the front doors.

import { describe, expect, test } from 'vitest';
import {
  changes,
  configure,
  dkmsStatus,
  doneCount,
  expectSettled,
  history,
  identity,
  insist,
  installedVersion,
  modulePath,
  prepared,
  printed,
  type ReconcileDocument,
  releaseOf,
  SAMPLE,
  type StatusDocument,
  snapshot,
  states,
  statusOf,
} from './support/machine.ts';
import { type DkmsPart, type KernelPart, parts } from './support/parts.ts';
import type { Shape } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const NEWER = '1.1.0-sample';
const NEWEST = '1.2.0-sample';

const MACHINES: [string, DkmsPart, Shape, KernelPart[]][] = [
  ['Gentoo with dkms 3.2', dkms.v32, 'gentoo', [kernels.v61, kernels.v612]],
  ['Debian with dkms 3.0', dkms.v30, 'debian', [kernels.v61, kernels.v612]],
];

function planned(stdout: string): string[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim().replace(/ .*/, ''));
}

describe.each(MACHINES)('%s', (_, part, tree, some) => {
  test('a fresh machine comes to a current driver for every kernel, and stays as it is', async () => {
    await using sandbox = await prepared({ dkms: part, tree, kernels: some });
    const [first = '', second = ''] = some.map((one) => releaseOf(one, tree));
    const fresh = await snapshot(sandbox);

    const plan = await insist(sandbox, ['reconcile', '--dry-run'], 0);
    expect(planned(plan.stdout)).toEqual(['take', 'register', 'put', 'build', 'install', 'build', 'install']);
    expect(changes(fresh, await snapshot(sandbox))).toEqual([]);
    expect(await sandbox.list('/run/ttkmd')).not.toContain('events.jsonl');

    // One kernel, and no other.
    await insist(sandbox, ['reconcile', '--kernel', first], 0);
    expect(await states(sandbox)).toEqual({ [first]: 'current', [second]: 'missing' });
    const firstModule = await modulePath(sandbox, first);
    expect(firstModule).toContain(tree === 'gentoo' ? '/kernel/extra/' : '/updates/dkms/');
    const built = await identity(sandbox, firstModule);

    // Then the rest, as a document.
    const all = await insist(sandbox, ['reconcile', '--json'], 0);
    const document = JSON.parse(all.stdout) as ReconcileDocument;
    expect(document).toMatchObject({ schema: 1, outcome: 'done', status: { schema: 1, health: 'ok' } });
    expect(document.steps.map(({ kind, release, outcome }) => [kind, release, outcome])).toEqual([
      ['build', second, 'done'],
      ['install', second, 'done'],
    ]);
    expect(document.status.kernels.find(({ release }) => release === second)?.module).toMatchObject({
      state: 'current',
      version: SAMPLE,
      path: await modulePath(sandbox, second),
    });
    expect(await identity(sandbox, firstModule)).toBe(built);
    await expectSettled(sandbox, [first, second]);
    expect(await dkmsStatus(sandbox)).toEqual(
      [first, second].map((release) => `tenstorrent/${SAMPLE}, ${release}, x86_64: installed`).sort(),
    );
    // The driver is ttkmd's to build, so its source asks dkms for nothing any more.
    expect(await sandbox.read(`/usr/src/tenstorrent-${SAMPLE}/dkms.conf`)).not.toMatch(
      /AUTOINSTALL|POST_INSTALL/,
    );
    expect(await sandbox.exists('/etc/udev/rules.d/50-tenstorrent.rules')).toBe(false);

    const settled = await snapshot(sandbox);
    const again = await insist(sandbox, ['reconcile'], 0);
    expect(again.stdout).toMatch(/^nothing to do: 2 of /);
    expect(again.stderr).toBe('');
    const empty = await insist(sandbox, ['reconcile', '--dry-run', '--json'], 0);
    expect(JSON.parse(empty.stdout)).toMatchObject({ outcome: 'nothing-to-do', steps: [] });
    expect(changes(settled, await snapshot(sandbox))).toEqual([]);

    // --force builds what is current, and only where it was asked to.
    await insist(sandbox, ['reconcile', '--force', '--kernel', second], 0);
    expect(await identity(sandbox, firstModule)).toBe(built);
    expect(await doneCount(sandbox, 'build')).toEqual({ [first]: 1, [second]: 2 });
    await expectSettled(sandbox, [first, second]);
    expect(await sandbox.list('/var/lib/dkms/tenstorrent')).not.toContain('original_module');

    const unknown = await insist(sandbox, ['reconcile', '--kernel', '9.9.9-nowhere'], 2);
    expect(unknown.stderr).toContain('There is no kernel 9.9.9-nowhere');
  });

  test('all kernels follow a newer version, and go back to a pinned one', async () => {
    const few = tree === 'gentoo' ? [kernels.v61, kernels.older] : [kernels.v61];
    await using sandbox = await prepared({ dkms: part, tree, kernels: few });
    const releases = few.map((one) => releaseOf(one, tree));
    const installed = (version: string) =>
      releases.map((release) => `tenstorrent/${version}, ${release}, x86_64: installed`).sort();
    await insist(sandbox, ['reconcile'], 0);

    await sandbox.addDriver({ version: NEWER });
    const due = await statusOf(sandbox);
    expect(due.health).toBe('degraded');
    expect(due.problems.map(({ code }) => code)).toContain('module-drifted');
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, releases, NEWER);
    expect(await dkmsStatus(sandbox)).toEqual(installed(NEWER));
    // What an admin may want to go back to stays where it was.
    expect(await sandbox.exists(`/usr/src/tenstorrent-${SAMPLE}/dkms.conf`)).toBe(true);

    await configure(sandbox, `[driver]\nversion = ${SAMPLE}\n`);
    await insist(sandbox, ['reconcile'], 0);
    await expectSettled(sandbox, releases, SAMPLE);
    expect(await dkmsStatus(sandbox)).toEqual(installed(SAMPLE));
    expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');

    await configure(sandbox, '[driver]\nversion = 7.7.7\n');
    const settled = await snapshot(sandbox);
    const absent = await insist(sandbox, ['reconcile'], 1);
    expect(absent.stdout).toMatch(/nothing can be done: 0 of [\s\S]*7\.7\.7[\s\S]*→/);
    expect(changes(settled, await snapshot(sandbox))).toEqual([]);
    const missing = await statusOf(sandbox);
    expect(missing.problems.find(({ code }) => code === 'no-source')?.message).toContain('7.7.7');
    expect((await insist(sandbox, ['ready', releases[0] ?? ''], 1)).stdout).toMatch(
      new RegExp(`version ${SAMPLE}, wanted is 7\\.7\\.7, which is not in /usr/src → .*\\n$`),
    );
  });
});

test('what a module was built from is watched: source, kernel, and the file itself', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const { buildTree } = sandbox.kernel(release);
  const source = `/usr/src/tenstorrent-${SAMPLE}`;
  await insist(sandbox, ['reconcile'], 0);
  const module = await modulePath(sandbox, release);
  const builds = async (): Promise<number> => (await doneCount(sandbox, 'build'))[release] ?? 0;

  const drifts = async (because: string | RegExp): Promise<void> => {
    const before = await builds();
    const reason = (await statusOf(sandbox)).kernels.find((one) => one.release === release)?.module.reason;
    expect(reason).toMatch(because);
    await insist(sandbox, ['reconcile'], 0);
    expect(await builds()).toBe(before + 1);
    await expectSettled(sandbox, [release]);
  };
  const stays = async (): Promise<void> => {
    const before = await builds();
    expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
    expect(await builds()).toBe(before);
  };

  // The source changed under the same version.
  await sandbox.write(
    `${source}/tenstorrent.c`,
    `${await sandbox.read(`${source}/tenstorrent.c`)}\n/* mended */\n`,
  );
  await drifts(`${source} has changed since it was built`);

  // A new copy of the same tree, with times of its own: a kernel that was merged again without a change.
  await sandbox.run([
    'sh',
    '-c',
    `cp -a ${buildTree} /usr/src/copy && find /usr/src/copy -type f -exec touch {} + &&
     rm -rf ${buildTree} && mv /usr/src/copy ${buildTree}`,
  ]);
  await stays();

  // A kernel that was built anew under the same release, with another configuration.
  await sandbox.write(
    `${buildTree}/include/config/auto.conf`,
    `${await sandbox.read(`${buildTree}/include/config/auto.conf`)}CONFIG_SOMETHING_NEW=y\n`,
  );
  await drifts('the kernel was built anew since');

  await sandbox.run(['truncate', '-s', '3000', module]);
  await drifts(/damaged or incomplete/);

  await sandbox.remove(module);
  await drifts('no module is installed');

  // Somebody put AUTOINSTALL back: an owner's matter, not a reason to build.
  const conf = await sandbox.read(`${source}/dkms.conf`);
  await sandbox.write(`${source}/dkms.conf`, `${conf}AUTOINSTALL="yes"\n`);
  const before = await builds();
  await insist(sandbox, ['reconcile'], 0);
  expect(await sandbox.read(`${source}/dkms.conf`)).toBe(conf);
  expect(await builds()).toBe(before);
});

test('a driver that one kernel cannot take is diagnosed, not tried again, and the other kernel gets it', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.cloud],
  });
  const good = kernels.v61.gentooRelease;
  const poor = kernels.cloud.gentooRelease;
  await sandbox.addDriver({ broken: 'hwmon' });

  const failed = await insist(sandbox, ['reconcile'], 6);
  expect(failed.stdout).toContain('CONFIG_HWMON');
  expect(await installedVersion(sandbox, good)).toBe(SAMPLE);
  expect(await installedVersion(sandbox, poor)).toBeUndefined();
  const status = await statusOf(sandbox);
  expect(status.problems.find(({ release }) => release === poor)).toMatchObject({
    message: expect.stringContaining('hwmon_device_register_with_info'),
    hint: expect.stringContaining('CONFIG_HWMON'),
  });
  expect(status.kernels.find(({ release }) => release === good)?.module.state).toBe('current');
  const log = await insist(sandbox, ['logs', poor], 0);
  expect(log.stdout).toContain('"hwmon_device_register_with_info"');
  expect((await insist(sandbox, ['logs', good], 0)).stdout).not.toContain('hwmon_device');

  // Nothing has changed that the build depended on.
  const settled = await snapshot(sandbox);
  const again = await insist(sandbox, ['reconcile'], 1);
  expect(again.stdout).toMatch(
    /nothing can be done: 1 of 2 kernels has the current driver[\s\S]*→ .*CONFIG_HWMON/,
  );
  await insist(sandbox, ['reconcile', '--trigger', 'timer'], 1);
  expect(changes(settled, await snapshot(sandbox))).toEqual([]);

  // A person who names the kernel may.
  const logs = (await sandbox.list('/var/log/ttkmd/builds')).length;
  await insist(sandbox, ['reconcile', '--kernel', poor], 6);
  expect(await sandbox.list('/var/log/ttkmd/builds')).toHaveLength(logs + 1);

  await sandbox.remove(`/usr/src/tenstorrent-${SAMPLE}/switches.mk`);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [good, poor]);
  expect((await statusOf(sandbox)).health).toBe('ok');
});

test('a broken upgrade leaves the old module in place and working', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  await insist(sandbox, ['reconcile'], 0);
  const module = await modulePath(sandbox, release);
  const old = await identity(sandbox, module);
  await sandbox.run(['cp', module, '/var/tmp/old.ko']);

  await sandbox.addDriver({ version: NEWER, broken: 'compile' });
  const failed = await insist(sandbox, ['reconcile'], 6);
  expect(failed.stdout).toContain('→');
  expect(await identity(sandbox, module)).toBe(old);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  expect(await dkmsStatus(sandbox)).toContain(`tenstorrent/${SAMPLE}, ${release}, x86_64: installed`);
  const status = await statusOf(sandbox);
  expect(status.health).toBe('degraded');
  expect(status.kernels.find((one) => one.release === release)?.module).toMatchObject({
    state: 'drifted',
    version: SAMPLE,
  });
  expect((await history(sandbox)).at(-1)).toMatchObject({
    step: 'build',
    release,
    version: NEWER,
    outcome: 'failed',
  });
  expect((await insist(sandbox, ['history'], 0)).stdout).toMatch(/build .*1\.1\.0-sample .*failed: /);
  // A screen shows it, too.
  const screen = await insist(sandbox, ['status'], 1);
  expect(screen.stdout).toContain('degraded');
  expect(screen.stdout).toContain(`log: ttkmdctl logs ${release}`);

  await sandbox.remove(`/usr/src/tenstorrent-${NEWER}/switches.mk`);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release], NEWER);

  // Another file comes before ours: built once, said, and left until that file or depmod's settings change.
  const shadow = `/lib/modules/${release}/kernel/drivers/misc/tenstorrent.ko`;
  await sandbox.run(['mkdir', '-p', shadow.slice(0, shadow.lastIndexOf('/'))]);
  await sandbox.run(['cp', '/var/tmp/old.ko', shadow]);
  await sandbox.write('/etc/depmod.d/local.conf', 'override tenstorrent * kernel/drivers/misc\n');
  await sandbox.addDriver({ version: NEWEST });
  const shadowed = await insist(sandbox, ['reconcile'], 6);
  expect(shadowed.stdout.replace(/\s+/g, ' ')).toContain(`modprobe would load ${shadow} (version ${SAMPLE})`);
  expect(shadowed.stdout).toMatch(/→ .*qfile/);
  const left = await snapshot(sandbox);
  for (const args of [['reconcile'], ['reconcile', '--trigger', 'timer']]) {
    expect((await insist(sandbox, args, 1)).stdout).toContain('nothing can be done');
  }
  expect(changes(left, await snapshot(sandbox))).toEqual([]);
  const seen = await statusOf(sandbox);
  expect(seen.problems.find((one) => one.release === release)?.code).toBe('shadowed');
  await sandbox.remove('/etc/depmod.d/local.conf');
  await sandbox.remove(shadow);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release], NEWEST);
});

test('a kernel that was removed is forgotten, and a mount that is missing is no removal', async () => {
  await using sandbox = await prepared({ dkms: dkms.v30, kernels: [kernels.v61, kernels.older] });
  const [stays, goes] = [kernels.v61.release, kernels.older.release];
  await insist(sandbox, ['reconcile'], 0);

  await configure(sandbox, '[watch]\nsettle = 0s\n');
  const before = await snapshot(sandbox);
  await sandbox.run(['mount', '-t', 'tmpfs', 'empty', '/lib/modules']);
  await sandbox.run(['mount', '-t', 'tmpfs', 'empty', '/boot']);
  const blind = await insist(sandbox, ['reconcile'], 0);
  expect(blind.stdout).toContain('nothing to do');
  expect((await statusOf(sandbox)).problems.map(({ code }) => code)).toContain('no-kernels');
  await sandbox.run(['umount', '/lib/modules', '/boot']);
  expect(changes(before, await snapshot(sandbox))).toEqual([]);

  // The image is there and the modules are not: it may be coming back.
  await sandbox.run(['rm', '-rf', `/lib/modules/${goes}`]);
  await insist(sandbox, ['reconcile'], 0);
  expect(await dkmsStatus(sandbox)).toHaveLength(2);

  await configure(sandbox, '[watch]\nsettle = 1h\n');
  await sandbox.removeKernel(goes);
  const waits = await insist(sandbox, ['reconcile'], 0);
  expect(waits.stdout).toContain(`${goes} waits: it was removed a moment ago`);
  expect(await sandbox.list('/var/lib/dkms/tenstorrent')).toContain(`kernel-${goes}-x86_64`);

  await configure(sandbox, '[watch]\nsettle = 0s\n');
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [stays]);
  expect(await dkmsStatus(sandbox)).toEqual([`tenstorrent/${SAMPLE}, ${stays}, x86_64: installed`]);
  expect(await sandbox.read('/var/lib/ttkmd/state.json')).not.toContain(goes);
  expect((await statusOf(sandbox)).kernels.map(({ release }) => release)).not.toContain(goes);
});

test('a leftover folder that holds only our module goes, and what others put there stays', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.older],
  });
  const [ours, shared] = [kernels.v61.gentooRelease, kernels.older.gentooRelease];
  const { release: stays } = await sandbox.addKernel(kernels.v61, { release: '6.1.192-gentoo-stays' });
  await configure(sandbox, '[watch]\nsettle = 0s\n');
  await insist(sandbox, ['reconcile', '--kernel', ours], 0);
  await insist(sandbox, ['reconcile', '--kernel', shared], 0);
  await insist(sandbox, ['reconcile', '--kernel', stays], 0);
  for (const release of [ours, shared]) {
    // What is left when an admin deletes the kernel's own files and its image.
    const keep = '! -path "*/extra/*" ! -name modules.dep ! -name modules.alias';
    await sandbox.run(['sh', '-c', `find /lib/modules/${release} ! -type d ${keep} -delete`]);
    await sandbox.run(['sh', '-c', `find /lib/modules/${release} -type d -empty -delete`]);
    // One lies where neither dkms nor Portage would put it: depmod's index alone tells.
    const place = release === ours ? 'misc' : 'extra';
    await sandbox.run([
      'sh',
      '-c',
      `mv /lib/modules/${release}/kernel/extra /lib/modules/${release}/${place}; rmdir /lib/modules/${release}/kernel; depmod ${release}`,
    ]);
    await sandbox.run(['rm', '-f', `/boot/vmlinuz-${release}`]);
  }
  // The other's source tree stays, as with Gentoo's gentoo-sources.
  await sandbox.run(['rm', '-rf', sandbox.kernel(ours).buildTree]);
  await sandbox.write(`/lib/modules/${shared}/extra/other.ko`, "somebody else's");
  const document = await statusOf(sandbox);
  expect(document.kernels.find(({ release }) => release === ours)?.kind).toBe('leftover');
  expect(document.health).toBe('ok');

  await insist(sandbox, ['reconcile'], 0);
  expect(await sandbox.list('/lib/modules')).toEqual([shared, stays].sort());
  expect(await sandbox.list(`/lib/modules/${shared}/extra`)).toEqual(['other.ko']);
  expect(await sandbox.read(`/lib/modules/${shared}/modules.dep`)).not.toContain('tenstorrent');
  await expectSettled(sandbox, [stays]);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');

  // Of a hand-built kernel that is removed with all its files, the source tree is left.
  const { release: sources, buildTree } = await sandbox.addKernel(kernels.v61, { release: '6.1.193-own' });
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [stays, sources]);
  await sandbox.run(['rm', '-rf', `/lib/modules/${sources}`, `/boot/vmlinuz-${sources}`]);
  expect(await sandbox.exists(`${buildTree}/Makefile`)).toBe(true);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [stays]);
  expect(await sandbox.read('/var/lib/ttkmd/state.json')).not.toContain(sources);
});

test('headers whose kernel is not installed yet get a module that modprobe finds', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, kernels: [kernels.v61] });
  const { release } = kernels.v61;
  // Debian's header package brings /lib/modules/<release>/build and nothing else.
  await sandbox.run([
    'sh',
    '-c',
    `cd /lib/modules/${release} && rm -rf kernel modules.* && rm /boot/vmlinuz-${release}`,
  ]);
  expect((await statusOf(sandbox)).kernels.find((one) => one.release === release)?.kind).toBe('headers-only');
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release]);

  // dkms's records at another place, and its sources: ttkmd and dkms read the same out of the same bash.
  await sandbox.write(
    '/etc/dkms/framework.conf.d/site.conf',
    `base=/opt # moved\ndkms_tree="/opt/unused"\ndkms_tree="\${base}/records"; source_tree='/opt/sources'\n`,
  );
  await sandbox.run(['rm', '-rf', '/var/lib/dkms/tenstorrent', `/lib/modules/${release}/updates`]);
  await sandbox.run(['mkdir', '/opt/records']);
  await insist(sandbox, ['reconcile'], 0);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  expect(await dkmsStatus(sandbox)).toEqual([`tenstorrent/${SAMPLE}, ${release}, x86_64: installed`]);
  expect(await sandbox.list('/opt/records/tenstorrent')).toContain(`kernel-${release}-x86_64`);
  expect((await insist(sandbox, ['reconcile'], 0)).stdout).toContain('nothing to do');
});

test('nothing is built from a source that somebody else could write to', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const folder = `/usr/src/tenstorrent-${SAMPLE}`;
  const refusals: [string, string[], string[]][] = [
    ['can be written to by everybody', ['chmod', '666'], ['chmod', '644']],
    ['can be written to by group 1000', ['chown', '0:1000'], ['chown', '0:0']],
    ['belongs to user 1000', ['chown', '1000'], ['chown', '0']],
  ];
  await sandbox.run(['chmod', '664', `${folder}/tenstorrent.c`]);
  for (const [because, spoil, mend] of refusals) {
    await sandbox.run([...spoil, `${folder}/tenstorrent.c`]);
    const before = await snapshot(sandbox);
    const refused = await insist(sandbox, ['reconcile', '--force'], 1);
    expect(refused.stdout, because).toContain('nothing can be done: 0 of ');
    expect(refused.stdout, because).toContain('→ make it root');
    const { problems, driver } = await statusOf(sandbox);
    expect(driver.sources).toMatchObject([{ version: SAMPLE, usable: false }]);
    const problem = problems.find(({ code }) => code === 'source-refused');
    expect(problem?.message).toContain(`${folder}/tenstorrent.c ${because}`);
    expect(problem?.hint).toContain(`chown -R root:root ${folder}`);
    expect(changes(before, await snapshot(sandbox))).toEqual([]);
    if (because.includes('group')) await sandbox.run(['chmod', '644', `${folder}/tenstorrent.c`]);
    else await sandbox.run([...mend, `${folder}/tenstorrent.c`]);
    if (because.includes('everybody')) await sandbox.run(['chmod', '664', `${folder}/tenstorrent.c`]);
  }
  await sandbox.run(['chown', '-R', '0:0', folder]);

  // What is not in the source itself is not followed, and what is no file is not opened.
  await sandbox.run([
    'sh',
    '-c',
    `cd ${folder} && mkdir /opt/eve && mv dkms.conf /opt/eve && chown -R 1000 /opt/eve`,
  ]);
  const spoils: [string, string][] = [
    [`ln -s /opt/eve/dkms.conf ${folder}/dkms.conf`, 'dkms.conf is a link that leads out of the source'],
    [`mkfifo ${folder}/dkms.conf`, 'dkms.conf is a pipe'],
    [`mv ${folder} /opt/eve/source && ln -s /opt/eve/source ${folder}`, 'belongs to user 1000'],
  ];
  for (const [spoil, because] of spoils) {
    await sandbox.run(['sh', '-c', spoil]);
    await insist(sandbox, ['reconcile', '--force'], 1, { timeoutMs: 20_000 });
    const { problems } = await statusOf(sandbox);
    expect(problems.find(({ code }) => code === 'source-refused')?.message).toContain(because);
    expect(await sandbox.exists('/var/lib/dkms/tenstorrent')).toBe(false);
    await sandbox.run(['rm', '-f', `${folder}/dkms.conf`]);
  }
  await sandbox.run([
    'sh',
    '-c',
    `rm ${folder} && mv /opt/eve/source ${folder} && mv /opt/eve/dkms.conf ${folder}`,
  ]);
  await sandbox.run(['chown', '-R', '0:0', folder]);

  // A newer version that is refused does not stand in the way of an older one.
  await sandbox.addDriver({ version: NEWER });
  await sandbox.run(['chmod', '777', `/usr/src/tenstorrent-${NEWER}`]);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release], SAMPLE);
  expect((await statusOf(sandbox)).health).toBe('degraded');

  // Nor is it a reason to go back, once the kernels have it.
  await sandbox.run(['chmod', '755', `/usr/src/tenstorrent-${NEWER}`]);
  await insist(sandbox, ['reconcile'], 0);
  await expectSettled(sandbox, [release], NEWER);
  await sandbox.run(['chmod', '777', `/usr/src/tenstorrent-${NEWER}`]);
  const held = await insist(sandbox, ['reconcile'], 0);
  expect(held.stdout.replace(/\s+/g, ' ')).toContain(`do not go back to ${SAMPLE}`);
  await expectSettled(sandbox, [release], NEWER);
});

test('without root everything can be looked at and nothing can be changed', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const asNobody = (...args: string[]) =>
    sandbox.run([...nobody, '/usr/bin/ttkmdctl', ...args], { allowFailure: true });

  const fresh = await snapshot(sandbox);
  const refused = await asNobody('reconcile');
  expect(refused.code, printed(refused)).toBe(4);
  expect(refused.stderr).toMatch(/needs root.*\n {2}→ as root: ttkmdctl reconcile\./);
  expect((await asNobody('reconcile', '--dry-run')).code).toBe(0);
  expect(changes(fresh, await snapshot(sandbox))).toEqual([]);

  await insist(sandbox, ['reconcile'], 0);
  const settled = await snapshot(sandbox);
  const seen = await asNobody('status', '--json');
  expect(seen.code, printed(seen)).toBe(0);
  const document = JSON.parse(seen.stdout) as StatusDocument;
  expect(document.health).toBe('ok');
  expect(document.unreadable).toEqual([]);
  expect(document.kernels.find((one) => one.release === release)?.module.state).toBe('current');
  for (const args of [['ready', release], ['kernels'], ['history'], ['logs', release], ['config', 'check']]) {
    const looked = await asNobody(...args);
    expect(looked.code, `${args.join(' ')}: ${printed(looked)}`).toBe(0);
  }
  expect((await asNobody('reconcile')).stdout).toContain('nothing to do');

  // What is hidden from this user is named, and the rest is shown all the same.
  await sandbox.run(['chmod', '700', '/var/lib/dkms', '/var/lib/ttkmd']);
  const hidden = await asNobody('status');
  expect(hidden.stdout).toMatch(/\/var\/lib\/dkms\S* may not be read by this user/);
  expect(hidden.stdout).toMatch(/\/var\/lib\/ttkmd\S* may not be read by this user/);
  expect(hidden.stdout).toMatch(new RegExp(`${escapeRegExp(release)} .*unknown`));
  expect(hidden.stdout).not.toMatch(/missing|drifted/);
  expect((await asNobody('reconcile')).code).toBe(4);
  await sandbox.run(['chmod', '755', '/var/lib/dkms', '/var/lib/ttkmd']);
  for (const path of [
    `/lib/modules/${release}/modules.dep`,
    await modulePath(sandbox, release),
    '/etc/ttkmd',
  ]) {
    await sandbox.run(['chmod', 'go-rx', path]);
    const { kernels: judged } = JSON.parse((await asNobody('status', '--json')).stdout) as StatusDocument;
    const { module } = judged.find((one) => one.release === release) ?? {};
    expect(module?.state, path).toBe('unknown');
    expect(module?.reason, path).toMatch(
      new RegExp(`^${escapeRegExp(path)}\\S* may not be read by this user$`),
    );
    await sandbox.run(['chmod', 'go+r', path]);
    if (path === '/etc/ttkmd') await sandbox.run(['chmod', 'go+x', path]);
  }
  const modes = (lines: readonly string[]) => lines.map((line) => line.replace(/ [\d.]+ [\d.]+ [^ ]*$/, ''));
  expect(changes(modes(settled), modes(await snapshot(sandbox)))).toEqual([]);
});

test('a system in another folder is worked on inside it, and nothing outside it is touched', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const root = '/opt/other';
  // A system as a rescue disk would have it under /mnt: a /usr of its own with its own kernels and sources.
  await sandbox.run([
    'sh',
    '-c',
    `mkdir -p ${root} && cd ${root} && mkdir -p usr etc var/lib/dkms var/log var/tmp run tmp proc dev boot &&
     for link in bin sbin lib lib64; do ln -s usr/$link $link; done
     mount --bind /usr usr && mount -t tmpfs own usr/src && mount -t tmpfs own usr/lib/modules && mount -t tmpfs own usr/lib/udev &&
     cp -a /usr/src/. usr/src && cp -a /lib/modules/. usr/lib/modules && cp -a /etc/. etc && cp /boot/* boot &&
     mount --bind /dev dev`,
  ]);

  // Where /proc is not mounted in there, a run that was killed is still told from one that works, and the process
  // that has its number by now is left alone.
  const bystander = sandbox.spawn(['sleep', '1000'], { stdio: 'ignore' });
  await sandbox.write(
    `${root}/run/ttkmd/run.json`,
    `{"pid":${bystander.pid},"started":"","trigger":"boot","since":1700000000000}\n`,
  );
  expect((await sandbox.ttkmdctl(['--root', root, 'status', '--json'])).stdout).toContain('"run": null');
  expect((await insist(sandbox, ['--root', root, 'cancel'], 0)).stdout).toContain('nothing to cancel');
  expect(bystander.signalCode).toBeNull();
  bystander.kill();

  await sandbox.run(['mount', '-t', 'proc', 'proc', `${root}/proc`]);
  const outside = await snapshot(sandbox);
  await insist(sandbox, ['--root', root, 'reconcile'], 0);
  expect(changes(outside, await snapshot(sandbox))).toEqual([]);
  expect(await sandbox.list('/run/ttkmd')).not.toContain('events.jsonl');
  const inside = await statusOf(sandbox, '--root', root);
  expect(inside.health).toBe('ok');
  expect(inside.kernels).toMatchObject([{ release, module: { state: 'current', version: SAMPLE } }]);
  expect(await sandbox.list(`${root}/var/lib/dkms/tenstorrent`)).toContain(`kernel-${release}-x86_64`);
  expect(await sandbox.list(`${root}/var/lib/ttkmd`)).toContain('state.json');
  expect(await sandbox.list(`${root}/var/log/ttkmd/builds`)).toHaveLength(1);
  expect((await insist(sandbox, ['--root', root, 'reconcile'], 0)).stdout).toContain('nothing to do');
  expect((await insist(sandbox, ['--root', root, 'ready', release], 0)).stdout).toMatch(/^ready: /);
  // Only root may look at modules in there: to others they are unknown, and not broken.
  const others = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '/usr/bin/ttkmdctl'];
  const looked = await sandbox.run([...others, '--root', root, 'status', '--json'], { allowFailure: true });
  const { kernels: judged, unreadable } = JSON.parse(looked.stdout) as StatusDocument;
  expect(judged).toMatchObject([{ release, module: { state: 'unknown' } }]);
  expect(unreadable).toEqual([expect.stringMatching(/tenstorrent\.ko/)]);
  expect(await installedVersion(sandbox, release)).toBeUndefined();
  expect((await insist(sandbox, ['--root', '/nowhere', 'status'], 2)).stderr).toContain('/nowhere');
});

test('the looking commands answer in words and in documents', async () => {
  await using sandbox = await prepared({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v61, kernels.older],
  });
  const [merged, split] = [kernels.v61.gentooRelease, kernels.older.gentooRelease];

  const notYet = await insist(sandbox, ['ready', merged], 1);
  expect(notYet.stdout).toMatch(new RegExp(`^not ready: ${merged} .*\n$`));
  expect((await insist(sandbox, ['ready', '9.9.9-nowhere'], 2)).stderr).toContain('9.9.9-nowhere');
  expect((await insist(sandbox, ['logs', merged], 1)).stderr).toMatch(
    /^ttkmdctl: no build for .*\n {2}→ (?!.*logs)/,
  );
  expect((await insist(sandbox, ['logs', '--list'], 0)).stdout).toBe(
    'no build has left a log in /var/log/ttkmd/builds\n',
  );
  expect((await insist(sandbox, ['history'], 0)).stdout).toContain('nothing has been done yet');
  const machine = await insist(sandbox, ['kernels'], 0);
  for (const release of [merged, split]) {
    expect(machine.stdout).toMatch(
      new RegExp(`${release} +installed +sys-kernel/gentoo-kernel\\S* +.*gcc-12 .*ready`),
    );
  }

  await insist(sandbox, ['reconcile', '--trigger', 'boot'], 0);
  expect((await insist(sandbox, ['ready', merged], 0)).stdout).toBe(
    `ready: ${merged} will come up with tenstorrent ${SAMPLE}\n`,
  );
  expect((await insist(sandbox, ['ready'], 0)).stdout).toMatch(/^ready: .* 1 other kernel\n$/);
  const log = await insist(sandbox, ['logs', split], 0);
  expect(log.stdout).toContain(`tenstorrent ${SAMPLE} for ${split}`);
  expect(log.stdout).toMatch(/CC \[M\] .*tenstorrent\.o/);
  const listed = await insist(sandbox, ['logs', '--list'], 0);
  expect(listed.stdout.match(/\.log$/gm)).toHaveLength(2);
  const told = await history(sandbox);
  expect(told.map(({ step }) => step)).toEqual([
    'takeOver',
    'register',
    'placeRule',
    'build',
    'install',
    'build',
    'install',
  ]);
  expect(told.every(({ trigger, outcome }) => trigger === 'boot' && outcome === 'done')).toBe(true);
  expect((await insist(sandbox, ['history', '-n', '1'], 0)).stdout.trim().split('\n')).toHaveLength(2);
  expect((await insist(sandbox, ['history', '-n', '0'], 0)).stdout).toBe('');

  // Both shapes that emerge --depclean leaves: the kernel still boots, and keeps its module.
  await sandbox.depclean(merged, 'merged');
  await sandbox.depclean(split, 'split');
  const listing = await insist(sandbox, ['kernels', '--json'], 0);
  const found = (JSON.parse(listing.stdout) as { kernels: StatusDocument['kernels'] }).kernels;
  const missing = (release: string) =>
    found.find((one) => one.release === release)?.buildTree.missing.map(({ code }) => code);
  expect(missing(merged)).toEqual(['no-build-link']);
  expect(missing(split)).toEqual(['dangling-build-link']);
  expect(found.find((one) => one.release === merged)?.origin).toContain('gentoo-kernel');
  expect(await states(sandbox)).toEqual({ [merged]: 'current', [split]: 'current' });
  const settled = await snapshot(sandbox);
  await insist(sandbox, ['reconcile'], 0);
  expect(changes(settled, await snapshot(sandbox))).toEqual([]);
  expect((await insist(sandbox, ['ready'], 0)).stdout).toMatch(/^ready: /);
});

test('settings: shown with their places, checked to the line, and bad usage is told from bad settings', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  expect((await insist(sandbox, ['config', 'check'], 0)).stdout).toContain('fine');
  // What is right and does nothing yet is no problem, and no secret either.
  await sandbox.write('/etc/ttkmd/ttkmd.conf', '[hugepages]\nmode = off\n');
  expect((await insist(sandbox, ['config', 'check'], 0)).stdout).toMatch(
    /ttkmd\.conf:2: hugepages\.mode is not in effect yet/,
  );
  await sandbox.write('/etc/ttkmd/ttkmd.conf', '[build]\nnice = 5\n\n[driver]\nversoin = newest\n');
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/10-jobs.conf', '[build]\njobs = many\nnice = 7\n');

  const shown = await insist(sandbox, ['config', 'show'], 3);
  expect(shown.stdout).toMatch(/^build\.nice +7 +\/etc\/ttkmd\/ttkmd\.conf\.d\/10-jobs\.conf:3$/m);
  expect(shown.stdout).toMatch(/^driver\.keep_old +1 +default, not in effect yet$/m);
  const checked = await insist(sandbox, ['config', 'check'], 3);
  expect(checked.stdout).toMatch(/\/etc\/ttkmd\/ttkmd\.conf:5.*versoin/);
  expect(checked.stdout).toContain('Did you mean version?');
  expect(checked.stdout).toMatch(/10-jobs\.conf:2.*jobs/);
  // A person is asked to mend it first; a machine that boots builds with the defaults.
  const before = await snapshot(sandbox);
  const stopped = await insist(sandbox, ['reconcile'], 3);
  expect(stopped.stderr).toMatch(/\/etc\/ttkmd\/ttkmd\.conf:5/);
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
  await insist(sandbox, ['reconcile', '--trigger', 'boot'], 0);
  expect(await installedVersion(sandbox, kernels.v61.gentooRelease)).toBe(SAMPLE);
  const status = await statusOf(sandbox);
  expect(status.problems.filter(({ code }) => code === 'config')).toHaveLength(2);
  expect(status.health).toBe('degraded');

  for (const args of [
    ['recncile'],
    ['reconcile', '--frobnicate'],
    ['reconcile', '--trigger', 'nobody'],
    ['reconcile', '--all', '--kernel', 'x'],
    ['reconcile', '--wait', 'soon'],
    ['ready', 'one', 'two'],
    ['history', '--lines', '-3'],
    ['config'],
    [],
  ]) {
    const bad = await insist(sandbox, args, 2);
    expect(bad.stderr, args.join(' ')).not.toBe('');
    expect(bad.stderr).not.toMatch(/at .*\.js:\d+/);
  }

  await sandbox.remove('/etc/ttkmd');
  // A reader that has seen enough is no error; the many lines of a log are more than a pipe holds.
  await sandbox.write(
    `/var/log/ttkmd/builds/20990101T000000.000Z.9999_${kernels.v61.gentooRelease}_${SAMPLE}.log`,
    'line\n'.repeat(200_000),
  );
  for (const line of ['status', 'status --json', 'logs', 'kernels', 'config show', 'help']) {
    const { code, stdout, stderr } = await sandbox.run([
      'bash',
      '--norc',
      '-c',
      `ttkmdctl ${line} | head -n 1; exit \${PIPESTATUS[1]}`,
    ]);
    expect([line, code, stderr]).toEqual([line, 0, '']);
    expect(stdout.split('\n')).toHaveLength(2);
  }
});

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.+]/g, '\\$&');
}
