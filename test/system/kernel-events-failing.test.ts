// A kernel is installed and its driver cannot be built: that is said, and costs the installation nothing.

import { describe, expect, test } from 'vitest';
import {
  BUILT_INTO,
  builtLine,
  changedSince,
  DEBIAN_POSTINST,
  DEBIAN_POSTRM,
  escaped,
  expectModule,
  gentoo,
  MAY_FAIL,
  PLUGIN,
  POSTINST,
  PREINST,
} from './support/installers.ts';
import {
  configure,
  history,
  identity,
  insist,
  installedVersion,
  modulePath,
  prepared,
  printed,
  SAMPLE,
  snapshot,
  states,
  statusOf,
  until,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive } from './support/sandbox.ts';

const { kernels, dkms } = parts();

describe('a driver that does not build', () => {
  const BROKEN = '1.0.1-sample';

  test('costs the installation nothing, unless the setting says so', async () => {
    await using sandbox = await gentoo();
    const { release: older } = await sandbox.addKernel(kernels.older);
    await sandbox.kernelInstall('add', older);
    const module = await modulePath(sandbox, older);
    const working = await identity(sandbox, module);
    await sandbox.addDriver({ version: BROKEN, broken: 'compile' });

    const { release } = await sandbox.addKernel(kernels.v61, { image: false });
    const installed = await sandbox.gentooInstallkernel(release);
    expect(await sandbox.exists(`/boot/vmlinuz-${release}`)).toBe(true);
    const [cause, nextStep, ...again] = installed.stderr.trimEnd().split('\n');
    expect(cause).toMatch(
      new RegExp(`^ \\* ttkmd: tenstorrent ${BROKEN} for ${escaped(release)} \\.\\.\\. FAILED: .*#error`),
    );
    expect(nextStep).toMatch(/exclude = .*; what is wrong: ttkmdctl status$/);
    // The two later hooks remind of it in a line each, and none of them tries again.
    const reminder = new RegExp(
      `ttkmd: tenstorrent ${BROKEN} for ${escaped(release)} \\.\\.\\. still not built: .*#error.*; see ttkmdctl status`,
    );
    expect(again).toEqual([expect.stringMatching(reminder), expect.stringMatching(reminder)]);
    const attempts = async (): Promise<number> =>
      (await history(sandbox)).filter(({ step, outcome }) => step === 'build' && outcome === 'failed').length;
    expect(await attempts()).toBe(1);

    // A kernel that works goes on working, whether or not it is installed again.
    expect(await identity(sandbox, module)).toBe(working);
    await sandbox.gentooInstallkernel(older);
    expect(await identity(sandbox, module)).toBe(working);
    expect(await installedVersion(sandbox, older)).toBe(SAMPLE);

    const status = await insist(sandbox, ['status'], 1);
    expect(status.stdout).toMatch(new RegExp(`✗ ${escaped(release)}: .*#error`));
    expect(status.stdout).toContain(`ttkmdctl logs ${release}`);
    const { health, kernels: judged } = await statusOf(sandbox);
    expect(health).toBe('degraded');
    const log = judged.find((kernel) => kernel.release === release)?.module.log ?? '';
    expect(log).toMatch(/^\/var\/log\/ttkmd\/builds\//);
    const told = (await insist(sandbox, ['logs', release], 0)).stdout;
    expect(told).toContain('#error');
    expect(`${(await sandbox.read(log)).trimEnd()}\n`).toBe(told);

    // Another kernel's build leaves that log alone.
    const { release: third } = await sandbox.addKernel(kernels.v612);
    await sandbox.kernelInstall('add', third);
    expect((await insist(sandbox, ['logs', release], 0)).stdout).toBe(told);
    expect((await insist(sandbox, ['logs', third], 0)).stdout).toContain(third);

    await configure(sandbox, '[hook]\non_failure = fail\n');
    await sandbox.remove(`/boot/vmlinuz-${release}`);
    const tries = await attempts();
    const refused = await sandbox.gentooInstallkernel(release, undefined, MAY_FAIL);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toMatch(
      /the kernel's installation fails with it: hook\.on_failure is fail \(\/etc\/ttkmd\/\S+:2\)/,
    );
    expect(await sandbox.exists(`/boot/vmlinuz-${release}`)).toBe(false);
    const { image } = sandbox.kernel(release);
    expect((await sandbox.kernelInstall('add', release, image, MAY_FAIL)).code).toBe(6);
    expect((await sandbox.runParts('/etc/kernel/postinst.d', release, undefined, MAY_FAIL)).code).toBe(1);
    // A removal cannot be failed, and a kernel that has its driver is none of that.
    expect((await sandbox.kernelInstall('remove', release)).code).toBe(0);
    expect(await attempts()).toBe(tries);

    // What the failure depended on has changed: the next installation builds.
    await sandbox.addDriver({ version: BROKEN });
    const mended = await sandbox.kernelInstall('add', release, image);
    expect(mended.stdout).toMatch(builtLine(release, BROKEN));
    expect(await installedVersion(sandbox, release)).toBe(BROKEN);
  });

  test('for want of CONFIG_HWMON: the option is named, and other kernels get their driver', async () => {
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo' });
    const adminsHook = '/etc/ttkmd/hooks.d/build-failed';
    await sandbox.write(adminsHook, '#!/bin/sh\nenv | grep ^TTKMD_ | sort\nsleep 1000 &\nexit 3\n', 0o755);
    await sandbox.addDriver({ broken: 'hwmon' });
    const { release } = await sandbox.addKernel(kernels.cloud);
    const { code, stderr } = await sandbox.kernelInstall('add', release);
    expect(code).toBe(0);
    expect(stderr).toContain('hwmon_device_register_with_info');
    expect(stderr).toContain('CONFIG_HWMON is off in this kernel');
    expect(stderr).toContain('/etc/kernel/config.d/');
    // The admin's own program was told, and its failure and what it left running cost nothing.
    await noBuildAlive(sandbox);
    expect(sandbox.processes().map(({ command }) => command)).not.toContain('sleep 1000');
    const hookSaid = (await insist(sandbox, ['logs', release], 0)).stdout.split(`--- ${adminsHook}\n`)[1];
    expect(hookSaid).toMatch(
      new RegExp(
        `^TTKMD_EVENT=build-failed\nTTKMD_LOG=/var/log/ttkmd/builds/\\S+\\.log\nTTKMD_REASON=.*CONFIG_HWMON is off.*\nTTKMD_RELEASE=${escaped(release)}\nTTKMD_TRIGGER=kernel-event\nTTKMD_VERSION=${SAMPLE}\n--- ${adminsHook} ended with 3\n$`,
      ),
    );
    expect((await history(sandbox)).at(-1)).toMatchObject({
      step: 'build-failed-hook',
      outcome: 'failed',
      detail: `${adminsHook} ended with 3`,
    });
    const status = await insist(sandbox, ['status'], 1);
    expect(status.stdout).toContain('CONFIG_HWMON');
    const told = (await insist(sandbox, ['logs', release], 0)).stdout;
    expect(told).toMatch(/"hwmon_device_register_with_info".*undefined!/);

    const { release: other } = await sandbox.addKernel(kernels.v612);
    // In a folder there may be several, and what others can write to is not run.
    const folder = '/etc/ttkmd/hooks.d/build-succeeded';
    await sandbox.write(`${folder}/10-first`, '#!/bin/sh\necho "$TTKMD_EVENT $TTKMD_RELEASE"\n', 0o755);
    await sandbox.write(`${folder}/20-anybodys`, '#!/bin/sh\necho stranger\n', 0o777);
    expect((await sandbox.kernelInstall('add', other)).stdout).toMatch(builtLine(other));
    const succeeded = (await insist(sandbox, ['logs', other], 0)).stdout;
    expect(succeeded).toContain(
      `--- ${folder}/10-first\nbuild-succeeded ${other}\n--- ${folder}/10-first was told\n`,
    );
    expect(succeeded).toContain(`${folder}/20-anybodys is not run: it can be written to by everybody`);
    expect(succeeded).not.toContain('stranger');
    expect(await states(sandbox)).toEqual({ [release]: 'failed', [other]: 'current' });
    expect((await insist(sandbox, ['logs', release], 0)).stdout).toBe(told);
  });
});

test('a bad configuration means defaults and a warning, and the driver is built', async () => {
  await using sandbox = await gentoo();
  const { release } = await sandbox.addKernel(kernels.v612);
  await configure(sandbox, '[hook]\non_failure = maybe\n[hoook]\ngarbage\n[kernels]\nexclud = *\n');
  const { code, stdout, stderr } = await sandbox.kernelInstall('add', release);
  expect(code).toBe(0);
  expect(stdout).toMatch(builtLine(release));
  for (const [line, word] of [
    [2, '"maybe"'],
    [3, '"[hoook]"'],
    [4, '"garbage"'],
    [6, '"exclud"'],
  ]) {
    expect(stderr).toMatch(new RegExp(`50-test\\.conf:${line}: .*${escaped(String(word))}`));
  }
  await expectModule(sandbox, release, 'kernel/extra/tenstorrent.ko');
  const { problems } = await statusOf(sandbox);
  expect(problems.filter(({ code: name }) => name === 'config')).toHaveLength(4);
});

describe('a build that takes too long', () => {
  test('is given up: the kernel is installed, and nothing runs on', async () => {
    await using sandbox = await gentoo();
    await sandbox.addDriver({ slowSeconds: 300 });
    await configure(sandbox, '[hook]\ntime_limit = 10s\n');
    const { release } = await sandbox.addKernel(kernels.older);
    const started = Date.now();
    const given = await sandbox.kernelInstall('add', release);
    const took = Date.now() - started;
    await noBuildAlive(sandbox);
    expect(took).toBeGreaterThanOrEqual(10_000);
    // Long before the build would have ended.
    expect(took).toBeLessThan(60_000);
    expect(given.code).toBe(0);
    expect(given.stderr).toContain('time limit');
    expect(given.stderr).toContain('hook.time_limit');
    expect(await installedVersion(sandbox, release)).toBeUndefined();
    expect((await insist(sandbox, ['status'], 1)).stdout).toContain(release);
  });

  test('is tried once in an installation, however many hooks it has', async () => {
    await using sandbox = await gentoo();
    await sandbox.addDriver({ slowSeconds: 300 });
    await configure(sandbox, '[hook]\ntime_limit = 10s\n');
    const { release } = await sandbox.addKernel(kernels.older, { image: false });
    expect((await sandbox.gentooInstallkernel(release)).code).toBe(0);
    await noBuildAlive(sandbox);
    expect((await history(sandbox)).filter(({ step }) => step === 'build')).toHaveLength(1);
  });
});

test('a hook that another run keeps waiting names its time limit', async () => {
  await using sandbox = await gentoo();
  await configure(sandbox, '[hook]\ntime_limit = 10s\n');
  const { release } = await sandbox.addKernel(kernels.older);
  await sandbox.run(['mkdir', '-p', '/run/ttkmd']);
  const other = sandbox.spawn(['flock', '/run/ttkmd/lock', 'sleep', '300'], { stdio: 'ignore' });
  await until('it holds the lock', () => sandbox.processes().some(({ command }) => command === 'sleep 300'));
  const { code, stdout, stderr } = await sandbox.kernelInstall('add', release);
  other.kill();
  expect(code).toBe(0);
  expect(stdout).toBe('ttkmd: waiting for another run of ttkmd to end\n');
  expect(stderr).toMatch(/FAILED: the time limit was up before it was done\n.*raise hook\.time_limit/);
});

test('whatever is missing or switched off is named, and costs the installation nothing', async () => {
  await using sandbox = await gentoo();
  const { release } = await sandbox.addKernel(kernels.older);
  const before = await snapshot(sandbox, BUILT_INTO);
  /** What the hook says while something is not where it belongs. */
  const without = async (path: string, hook: readonly string[] = []): Promise<string> => {
    const away = '/run/away';
    await sandbox.run(['mv', path, away]);
    const { code, stdout, stderr } =
      hook.length === 0 ? await sandbox.kernelInstall('add', release) : await sandbox.run(hook);
    await sandbox.run(['mv', away, path]);
    expect(code).toBe(0);
    return `${stdout}${stderr}`;
  };

  const source = `/usr/src/tenstorrent-${SAMPLE}`;
  expect(await without(source)).toMatch(
    /no driver source in \/usr\/src.*\n.*github\.com\/tenstorrent\/tt-kmd/,
  );
  expect(await without('/usr/sbin/dkms')).toMatch(/dkms is not installed.*\n.*emerge sys-kernel\/dkms/);

  for (const [hook, ...args] of [
    [PLUGIN, 'add', release, '/boot/entry', '/boot/image'],
    [PLUGIN, 'remove', release, '/boot/entry'],
    [PREINST, release, '/boot/image'],
    [POSTINST, release, '/boot/image'],
    [DEBIAN_POSTINST, release, '/boot/image'],
    [DEBIAN_POSTRM, release, '/boot/image'],
  ] as const) {
    expect(await without('/usr/bin/ttkmdctl', [hook, ...args])).toMatch(
      /^ttkmd: \/usr\/bin\/ttkmdctl is missing .*; install ttkmd again, or delete \S+\n$/,
    );
  }
  expect(await without('/usr/lib/ttkmd/main.js')).toMatch(
    /^ttkmd: \/usr\/lib\/ttkmd\/main\.js is missing.*install ttkmd again\n$/,
  );
  // Neither our own Node.js nor the system's; then one that cannot even start.
  await sandbox.remove('/usr/bin/node');
  await sandbox.remove('/usr/local/bin/node');
  const ownNode = '/usr/lib/ttkmd/node';
  expect(await without(ownNode)).toMatch(/^ttkmd: there is no Node\.js, so nothing was done; install .*\n$/);
  await sandbox.write('/usr/bin/node', '#!/bin/sh\nexit 134\n', 0o755);
  expect(await without(ownNode)).toMatch(/^ttkmd: ended with status 134 .*ttkmdctl reconcile --all\n$/);

  await configure(sandbox, `[kernels]\nexclude = ${release.replace(/^\d+\.\d+/, '*')}\n`);
  const excluded = await sandbox.kernelInstall('add', release);
  expect(printed(excluded)).toBe(
    `exit status 0\nttkmd: no driver for ${release}: left alone: the setting kernels.exclude names it\n`,
  );
  expect(await states(sandbox)).toEqual({ [release]: 'unsupported' });
  await sandbox.remove('/etc/ttkmd/ttkmd.conf.d/50-test.conf');

  expect(await changedSince(sandbox, before, BUILT_INTO)).toEqual([]);
  // All of it is back: now it is built.
  expect((await sandbox.kernelInstall('add', release)).stdout).toMatch(builtLine(release));
});
