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
  type ReconcileDocument,
  releaseOf,
  SAMPLE,
  settled,
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
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  const { buildTree } = sandbox.kernel(release);
  const source = `/usr/src/tenstorrent-${SAMPLE}`;
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

  // A kernel that was built anew under the same release, with another configuration: no imported symbol knows of it.
  await sandbox.write(
    `${buildTree}/include/config/auto.conf`,
    `${await sandbox.read(`${buildTree}/include/config/auto.conf`)}CONFIG_SOMETHING_NEW=y\n`,
  );
  await stays();
  // And one whose types are others.
  const symvers = await sandbox.read(`${buildTree}/Module.symvers`);
  const anew = symvers.replace(/^0x\w+(?=\tmodule_layout\t)/m, '0x00000001');
  await sandbox.write(`${buildTree}/Module.symvers`, anew);
  await drifts(/module_layout: 0x\w+ in the module, 0x00000001 in the kernel/);
  // What decides about code alone is in no symbol's version.
  await sandbox.write(
    `${buildTree}/include/config/auto.conf`,
    `${await sandbox.read(`${buildTree}/include/config/auto.conf`)}CONFIG_CFI=y\n`,
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
  await using sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
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
