// The sandbox itself: are its parts real, do its kernels take a module, and does nothing outlast it?

import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { command } from './support/command.ts';
import { FreshRoot } from './support/fresh-root.ts';
import { type DkmsPart, type KernelPart, parts } from './support/parts.ts';
import { PROJECT } from './support/project.ts';
import { buildsAlive, noBuildAlive, Sandbox, type Shape } from './support/sandbox.ts';
import { processText } from './support/sandbox-processes.ts';

const { kernels, dkms } = parts();

const RELEASES_OF_DKMS: [string, DkmsPart][] = [
  ['3.0', dkms.v30],
  // Another one where TTKMD_TEST_DKMS names it.
  [dkms.v32.version.slice(0, 3), dkms.v32],
];

const MACHINE_FOLDERS = [
  '/lib/modules',
  '/usr/src',
  '/var/lib/dkms',
  '/etc/kernel',
  '/usr/lib/kernel',
  '/etc/udev',
  '/boot',
];

/** Every path in the machine's own folders with what would change if somebody wrote there. */
async function fingerprint(): Promise<string> {
  const there = MACHINE_FOLDERS.filter((folder) => existsSync(folder));
  return command(['find', ...there, '-printf', '%p %y %s %T@ %C@\n']);
}

let before: { files: string; mounts: string };

beforeAll(async () => {
  before = { files: await fingerprint(), mounts: readFileSync('/proc/mounts', 'utf8') };
});

afterAll(async () => {
  expect(await fingerprint()).toBe(before.files);
  expect(readFileSync('/proc/mounts', 'utf8')).toBe(before.mounts);
});

describe.each(RELEASES_OF_DKMS)('dkms %s', (version, part) => {
  test('is the one that runs, with its own hooks and no other', async () => {
    await using sandbox = await Sandbox.create({ dkms: part });
    const { stdout } = await sandbox.run(['dkms', '--version']);
    expect(stdout).toContain(version);
    expect(await sandbox.exists('/etc/kernel/preinst.d/dkms')).toBe(version !== '3.0');
    expect(await sandbox.exists('/etc/kernel/install.d/dkms')).toBe(version === '3.0');
    expect((await sandbox.run(['dkms', 'status'])).stdout).toBe('');
  });

  test.each<[Shape, KernelPart[]]>([
    ['debian', [kernels.v61, kernels.v612]],
    ['gentoo', [kernels.v612, kernels.older]],
  ])('builds for kernels of the shape %s', async (tree, some) => {
    await using sandbox = await Sandbox.create({ dkms: part, tree, kernels: some });
    await sandbox.addDriver();
    for (const release of await sandbox.list('/lib/modules')) {
      await sandbox.run(['dkms', 'install', 'tenstorrent/1.0.0-sample', '-k', release]);
      const { stdout } = await sandbox.run(['modinfo', '-k', release, 'tenstorrent']);
      expect(stdout).toMatch(/^version:\s+1\.0\.0-sample$/m);
      expect(stdout).toMatch(new RegExp(`^vermagic:\\s+${release.replaceAll(/[.+]/g, '\\$&')} `, 'm'));
      expect(stdout).toMatch(tree === 'gentoo' ? /^filename:.*\/extra\// : /^filename:.*\/updates\/dkms\//);
    }
    expect(await sandbox.list('/lib/modules')).toHaveLength(some.length);
  });
});

test('each kernel builds the driver with plain make', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32, kernels: Object.values(kernels) });
  const source = await sandbox.addDriver({ version: '1.2.3-sample' });
  for (const release of await sandbox.list('/lib/modules')) {
    await sandbox.run(['make', `KDIR=/lib/modules/${release}/build`], { cwd: source });
    expect((await sandbox.run(['modinfo', '-F', 'version', `${source}/tenstorrent.ko`])).stdout).toBe(
      '1.2.3-sample\n',
    );
    await sandbox.run(['make', 'clean', `KDIR=/lib/modules/${release}/build`], { cwd: source });
  }
});

test("Gentoo's tree has no protection from ARCH, Debian's has", async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32, kernels: [kernels.v61] });
  const { buildTree } = await sandbox.addKernel(kernels.v61, {
    shape: 'gentoo',
    release: '6.1.192-gentoo-custom',
  });
  const source = await sandbox.addDriver();
  const make = async (release: string) =>
    sandbox.run(['make', `KDIR=/lib/modules/${release}/build`], {
      cwd: source,
      env: { ARCH: 'amd64' },
      allowFailure: true,
    });
  expect((await make(kernels.v61.release)).code).toBe(0);
  const poisoned = await make('6.1.192-gentoo-custom');
  expect(poisoned.code).not.toBe(0);
  expect(poisoned.stderr).toContain('arch/amd64/Makefile');
  expect(await sandbox.read(`${buildTree}/dist-kernel`)).toMatch(
    /^sys-kernel\/gentoo-kernel-6\.1\.\d+:6\.1\.\d+\n$/,
  );
  expect(await sandbox.exists(`${buildTree}/.kernelvariables`)).toBe(false);
});

test('a driver can be made to fail in the compiler and in modpost', async () => {
  await using sandbox = await Sandbox.create({
    dkms: dkms.v32,
    tree: 'gentoo',
    kernels: [kernels.v612, kernels.cloud],
  });
  const make = async (source: string, release: string) =>
    sandbox.run(['make', `KDIR=/lib/modules/${release}/build`], { cwd: source, allowFailure: true });

  const broken = await sandbox.addDriver({ version: '1.0.1-sample', broken: 'compile' });
  expect((await make(broken, kernels.v612.gentooRelease)).stderr).toContain('#error');

  const hwmon = await sandbox.addDriver({ version: '1.0.2-sample', broken: 'hwmon', autoinstall: false });
  expect(await sandbox.read(`${hwmon}/dkms.conf`)).not.toContain('AUTOINSTALL');
  expect((await make(hwmon, kernels.v612.gentooRelease)).code).toBe(0);
  await sandbox.run(['make', 'clean', `KDIR=/lib/modules/${kernels.v612.gentooRelease}/build`], {
    cwd: hwmon,
  });
  const failed = await make(hwmon, kernels.cloud.gentooRelease);
  expect(failed.stderr).toContain('"hwmon_device_register_with_info"');
});

test('a kernel is depcleaned as Gentoo does it, and removed altogether', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  const release = kernels.v61.gentooRelease;
  await sandbox.addKernel(kernels.older);
  const { gentooRelease: older } = kernels.older;

  await sandbox.depclean(release, 'merged');
  expect(await sandbox.list(`/lib/modules/${release}`)).not.toContain('build');
  expect(await sandbox.exists(`/lib/modules/${release}/modules.builtin`)).toBe(true);
  expect(await sandbox.exists(`/boot/vmlinuz-${release}`)).toBe(true);

  await sandbox.depclean(older, 'split');
  expect(await sandbox.list(`/lib/modules/${older}`)).toContain('build');
  expect(await sandbox.exists(`/lib/modules/${older}/build`)).toBe(false);

  await sandbox.removeKernel(older);
  expect(await sandbox.list('/lib/modules')).toEqual([release]);
  expect(await sandbox.exists(`/boot/vmlinuz-${older}`)).toBe(false);
});

describe('the ways a kernel arrives', () => {
  const recorder = (name: string, status = 0) =>
    `#!/bin/sh\necho "${name} $*" >> /tmp/calls\n[ "$1" = remove ] || exit ${status}\n`;

  test("systemd's kernel-install calls plugins, and takes their 77 and their 1 for what they are", async () => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v32, kernels: [kernels.v61], dkmsHooks: 'none' });
    const { release } = kernels.v61;
    const plugin = '/usr/lib/kernel/install.d/35-recorder.install';
    await sandbox.write(plugin, recorder('plugin'), 0o755);
    await sandbox.kernelInstall('add', release);
    await sandbox.kernelInstall('remove', release);
    const calls = (await sandbox.read('/tmp/calls')).split('\n');
    expect(calls[0]).toMatch(new RegExp(`^plugin add ${release} .* /boot/vmlinuz-${release}$`));
    expect(calls[1]).toMatch(new RegExp(`^plugin remove ${release} `));
    expect(await sandbox.exists(`/boot/vmlinuz-${release}`)).toBe(true);

    await sandbox.write(plugin, recorder('plugin', 77), 0o755);
    expect((await sandbox.kernelInstall('add', release)).code).toBe(0);
    await sandbox.write(plugin, recorder('plugin', 1), 0o755);
    expect((await sandbox.kernelInstall('add', release, undefined, { allowFailure: true })).code).toBe(1);
  });

  test("Debian's run-parts calls what has no dot in its name", async () => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v30, kernels: [kernels.v61], dkmsHooks: 'none' });
    const { release } = kernels.v61;
    await sandbox.write('/etc/kernel/postinst.d/35-recorder', recorder('hook'), 0o755);
    await sandbox.write('/etc/kernel/postinst.d/36-recorder.install', recorder('never'), 0o755);
    await sandbox.runParts('/etc/kernel/postinst.d', release);
    expect(await sandbox.read('/tmp/calls')).toBe(`hook ${release} /boot/vmlinuz-${release}\n`);
  });

  test("Gentoo's installkernel: preinst.d, image, postinst.d, merged by name", async () => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'none' });
    const { release, image } = await sandbox.addKernel(kernels.v61, { image: false });
    const booted = `/boot/vmlinuz-${release}`;
    const state = `\nls ${booted} >> /tmp/calls 2>/dev/null || true\n`;
    await sandbox.write('/usr/lib/kernel/preinst.d/9-first', recorder('9').replace('[', `${state}[`), 0o755);
    await sandbox.write('/usr/lib/kernel/preinst.d/10-second', recorder('hidden'), 0o755);
    await sandbox.write('/etc/kernel/preinst.d/10-second', recorder('10'), 0o755);
    await sandbox.write('/etc/kernel/preinst.d/11-plain', recorder('not executable'), 0o644);
    await sandbox.write(
      '/usr/lib/kernel/postinst.d/35-last',
      recorder('last').replace('[', `${state}[`),
      0o755,
    );
    await sandbox.gentooInstallkernel(release);
    expect(await sandbox.read('/tmp/calls')).toBe(
      [`9 ${release} ${image}`, `10 ${release} ${image}`, `last ${release} ${image}`, booted, ''].join('\n'),
    );

    await sandbox.remove(booted);
    await sandbox.write('/etc/kernel/preinst.d/10-second', recorder('10', 77), 0o755);
    expect((await sandbox.gentooInstallkernel(release)).code).toBe(0);
    expect(await sandbox.exists(booted)).toBe(false);
    await sandbox.write('/etc/kernel/preinst.d/10-second', recorder('10', 3), 0o755);
    expect((await sandbox.gentooInstallkernel(release, image, { allowFailure: true })).code).toBe(3);
  });

  test("dkms's own hooks, as Gentoo lays them out, build and fail the installation", async () => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'gentoo' });
    const { release } = await sandbox.addKernel(kernels.v61, { image: false });
    await sandbox.addDriver();
    await sandbox.run(['dkms', 'add', 'tenstorrent/1.0.0-sample']);
    await sandbox.gentooInstallkernel(release);
    await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent']);

    await sandbox.run(['dkms', 'remove', 'tenstorrent/1.0.0-sample', '--all']);
    await sandbox.addDriver({ version: '1.0.1-sample', broken: 'compile' });
    await sandbox.run(['dkms', 'add', 'tenstorrent/1.0.1-sample']);
    expect((await sandbox.gentooInstallkernel(release, undefined, { allowFailure: true })).code).not.toBe(0);
  });
});

test('a hostile environment meets the command and nothing before it', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32 });
  const env = { PATH: '/nowhere', LD_PRELOAD: '/nowhere.so' };
  const { stdout, stderr } = await sandbox.run(['printenv', 'PATH'], { env });
  expect(stdout).toBe('/nowhere\n');
  expect(stderr.match(/\/nowhere\.so/g)).toHaveLength(1);
});

test('absolute links lead to places inside', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32 });
  await sandbox.write('/opt/only-inside/file', 'inside');
  await sandbox.link('/opt/only-inside', '/etc/link');
  expect(await sandbox.read('/etc/link/file')).toBe('inside');
  await sandbox.remove('/etc/link');
  expect(await sandbox.exists('/opt/only-inside/file')).toBe(true);
});

test('what still builds is seen, and dies with the sandbox', async () => {
  const sandbox = await Sandbox.create({ dkms: dkms.v32, kernels: [kernels.v61] });
  await noBuildAlive(sandbox);
  await sandbox.addDriver({ slowSeconds: 100 });
  const child = sandbox.spawn(['dkms', 'install', 'tenstorrent/1.0.0-sample', '-k', kernels.v61.release], {
    stdio: 'ignore',
  });
  await expect
    .poll(() => buildsAlive(sandbox).map(({ name }) => name), { timeout: 20_000 })
    .toContain('sleep');
  const pids = sandbox.processes().map(({ pid }) => pid);
  expect(pids).toContain(child.pid);
  await expect(noBuildAlive(sandbox)).rejects.toThrow('still alive');
  await sandbox.dispose();
  for (const pid of pids) expect(isAlive(pid)).toBe(false);
});

test('what still runs in a fresh root dies with it, as when its tests are killed', async () => {
  const root = await FreshRoot.create(PROJECT);
  const child = root.spawn(['sleep', '1000']);
  await expect.poll(() => processText(Number(child.pid), 'cmdline'), { timeout: 20_000 }).toMatch(/^sleep/);
  await root[Symbol.asyncDispose]();
  await expect.poll(() => isAlive(Number(child.pid)), { timeout: 20_000 }).toBe(false);
});

/** A zombie is dead: whoever is process 1 here may take its time to collect it. */
function isAlive(pid: number): boolean {
  return /^State:\s+[^Z]/m.test(processText(pid, 'status'));
}

test('a command that does not end is ended, with all that it started', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32 });
  await expect(sandbox.run(['sh', '-c', 'sleep 100; true'], { timeoutMs: 300 })).rejects.toThrow(
    'no end after 300 ms',
  );
  await noBuildAlive(sandbox, 1000);
});

test('a command is over when it ends, whatever it leaves behind, and all that it said is there', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32 });
  const start = Date.now();
  const { stdout, stderr } = await sandbox.run(['sh', '-c', 'sleep 100 & seq 100000; echo said >&2']);
  expect(Date.now() - start).toBeLessThan(10_000);
  expect(stdout.split('\n')).toHaveLength(100_001);
  expect(stderr).toBe('said\n');
  expect(sandbox.processes().map(({ command }) => command)).toContain('sleep 100');
});
