// dkms's own hooks are installed and active beside ours: what they break by themselves, and no longer do with us.

import { describe, expect, test } from 'vitest';
import { layer, nameOf } from './support/layers.ts';
import {
  changes,
  dkmsStatus,
  history,
  identity,
  insist,
  installedVersion,
  modulePath,
  releaseOf,
  SAMPLE,
  snapshot,
  states,
  statusOf,
  withProgram,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { type RunResult, Sandbox, type SandboxOptions } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const BROKEN = '1.0.1-sample';
const MENDED = '1.0.2-sample';

const MAY_FAIL = { allowFailure: true };

const GENTOO: SandboxOptions = { dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'gentoo' };

interface Situation extends AsyncDisposable {
  sandbox: Sandbox;
  /** A kernel that has the driver, built by dkms's own doing. */
  older: string;
  /** A kernel whose installation is under way: its files are there, and no hook has run. */
  next: string;
}

/**
 * A machine on which dkms looked after the driver until now, all by AUTOINSTALL: one kernel has a working
 * module of it, and a newer version has been registered that does not build.
 */
async function situation(options: SandboxOptions, ttkmd: 'with ttkmd' | 'without ttkmd'): Promise<Situation> {
  const machine = { ...options, kernels: [kernels.older, kernels.v61] };
  const layers = [await lookedAfterByDkms(machine)];
  if (ttkmd === 'with ttkmd') layers.push(await withProgram(options));
  const sandbox = await Sandbox.create({ ...machine, layers });
  const [older = '', next = ''] = machine.kernels.map((kernel) => releaseOf(kernel, options.tree));
  return { sandbox, older, next, [Symbol.asyncDispose]: () => sandbox.dispose() };
}

function lookedAfterByDkms(options: SandboxOptions): Promise<string> {
  return layer(`dkms_${nameOf(options)}`, options, async (sandbox) => {
    await sandbox.addDriver();
    const [older] = (options.kernels ?? []).map((kernel) => releaseOf(kernel, options.tree));
    // Into a file: dkms's progress dots would hold a pipe open for three seconds.
    await sandbox.run([
      'sh',
      '-c',
      `exec dkms install tenstorrent/${SAMPLE} -k ${older} > /tmp/dkms-install`,
    ]);
    await sandbox.addDriver({ version: BROKEN, broken: 'compile' });
    await sandbox.run(['dkms', 'add', `tenstorrent/${BROKEN}`]);
  });
}

/** What a hook of Gentoo's installkernel printed to standard output, one block for each hook. */
function printedBy(hook: string, { stdout }: RunResult): string[] {
  return stdout
    .split(/^(?= \* Running )/m)
    .filter((block) => block.startsWith(` * Running ${hook} `))
    .map((block) => block.slice(block.indexOf('\n') + 1));
}

/** dkms has nothing left to do by itself, for any of the kernels. */
async function expectAutoinstallIdle(sandbox: Sandbox, releases: readonly string[]): Promise<void> {
  const before = await snapshot(sandbox);
  for (const release of releases) {
    expect((await sandbox.run(['dkms', 'autoinstall', '-k', release])).code).toBe(0);
  }
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
}

/** No source has a line any more by which dkms would act on it, and status says whose they were. */
async function expectAdopted(sandbox: Sandbox, newest: string): Promise<void> {
  for (const name of (await sandbox.list('/usr/src')).filter((one) => one.startsWith('tenstorrent-'))) {
    const conf = await sandbox.read(`/usr/src/${name}/dkms.conf`);
    expect(conf).not.toMatch(/AUTOINSTALL|POST_INSTALL/);
    expect(conf).toContain('PACKAGE_NAME="tenstorrent"');
  }
  const { problems } = await statusOf(sandbox);
  expect(problems.find(({ code }) => code === 'adopted')).toMatchObject({
    severity: 'note',
    message: expect.stringMatching(new RegExp(`/usr/src/tenstorrent-${newest} .*before ttkmd`)),
  });
}

describe("dkms 3.2's kernel_preinst and kernel_postinst, as Gentoo lays them out", () => {
  test('without ttkmd: the installation fails, in every way, and a working module is gone', async () => {
    await using machine = await situation(GENTOO, 'without ttkmd');
    const { sandbox, older, next } = machine;
    expect(await installedVersion(sandbox, older)).toBe(SAMPLE);
    expect((await sandbox.gentooInstallkernel(next, undefined, MAY_FAIL)).code).toBe(11);
    expect((await sandbox.kernelInstall('add', next, undefined, MAY_FAIL)).code).not.toBe(0);
    // As on `emerge --config`, and as on a rebuild of the kernel that runs.
    expect((await sandbox.gentooInstallkernel(older, undefined, MAY_FAIL)).code).toBe(11);
    expect(await installedVersion(sandbox, older)).toBeUndefined();
  });

  test('with ttkmd: no installation fails, and no working module goes', async () => {
    await using machine = await situation(GENTOO, 'with ttkmd');
    const { sandbox, older, next } = machine;
    const module = await modulePath(sandbox, older);
    const working = await identity(sandbox, module);

    for (const release of [next, older]) {
      const installed = await sandbox.gentooInstallkernel(release);
      expect(installed.stderr).toContain(`tenstorrent ${BROKEN} for ${release} ... FAILED`);
      expect(printedBy('/usr/lib/kernel/preinst.d/dkms', installed)).toEqual(['']);
      expect(printedBy('/usr/lib/kernel/postinst.d/dkms', installed)).toEqual(['']);
      expect(await identity(sandbox, module)).toBe(working);
      expect(await installedVersion(sandbox, older)).toBe(SAMPLE);
    }
    expect(await states(sandbox)).toEqual({ [next]: 'failed', [older]: 'drifted' });
    await insist(sandbox, ['status'], 1);
    await expectAdopted(sandbox, BROKEN);
    await expectAutoinstallIdle(sandbox, [older, next]);

    // The same source is emerged again, and AUTOINSTALL is back with it.
    await sandbox.addDriver({ version: BROKEN, broken: 'compile' });
    const again = await sandbox.gentooInstallkernel(next);
    expect(printedBy('/usr/lib/kernel/postinst.d/dkms', again)).toEqual(['']);
    await expectAdopted(sandbox, BROKEN);

    // A version that builds follows, and both kernels get it from us and from nobody else.
    await sandbox.addDriver({ version: MENDED });
    await sandbox.run(['dkms', 'add', `tenstorrent/${MENDED}`]);
    for (const release of [next, older]) {
      const installed = await sandbox.gentooInstallkernel(release);
      expect(installed.stdout).toContain(
        `tenstorrent ${MENDED} for ${release} ... built, installed, verified`,
      );
      expect(printedBy('/usr/lib/kernel/preinst.d/dkms', installed)).toEqual(['']);
      expect(printedBy('/usr/lib/kernel/postinst.d/dkms', installed)).toEqual(['']);
    }
    expect(await states(sandbox)).toEqual({ [next]: 'current', [older]: 'current' });
    await insist(sandbox, ['status'], 0);
    await expectAdopted(sandbox, MENDED);
    await expectAutoinstallIdle(sandbox, [older, next]);
    expect((await dkmsStatus(sandbox)).filter((line) => line.includes('installed'))).toEqual([
      `tenstorrent/${MENDED}, ${older}, x86_64: installed`,
      `tenstorrent/${MENDED}, ${next}, x86_64: installed`,
    ]);
  });

  test("with ttkmd: nor does it through kernel-install and dkms's plugin", async () => {
    await using machine = await situation(GENTOO, 'with ttkmd');
    const { sandbox, older, next } = machine;
    const failed = await sandbox.kernelInstall('add', next);
    expect(failed.stderr).toContain('FAILED');
    expect(`${failed.stdout}${failed.stderr}`).not.toContain('Autoinstall');
    expect(await installedVersion(sandbox, older)).toBe(SAMPLE);

    await sandbox.addDriver({ version: MENDED });
    const built = await sandbox.kernelInstall('add', next);
    expect(built.stdout).toBe(`${built.stdout.split('\n')[0]}\n`);
    expect(await installedVersion(sandbox, next)).toBe(MENDED);

    // dkms takes the module of a kernel that goes away, and we have nothing to add to that.
    const removed = await sandbox.kernelInstall('remove', next);
    expect(removed.stderr).toContain(`removing module tenstorrent/${MENDED} for kernel ${next}`);
    await sandbox.removeKernel(next);
    await sandbox.kernelInstall('remove', next);
    expect(await states(sandbox)).toEqual({ [older]: 'drifted' });
    expect((await statusOf(sandbox)).kernels.map(({ release }) => release)).not.toContain(next);
    expect(await installedVersion(sandbox, older)).toBe(SAMPLE);
  });
});

describe("Debian's hooks of dkms 3.0", () => {
  const DEBIAN: SandboxOptions = { dkms: dkms.v30 };

  test('without ttkmd: the installation fails', async () => {
    await using machine = await situation(DEBIAN, 'without ttkmd');
    const { sandbox, older, next } = machine;
    expect((await sandbox.runParts('/etc/kernel/postinst.d', next, undefined, MAY_FAIL)).code).toBe(1);
    expect((await sandbox.runParts('/etc/kernel/postinst.d', older, undefined, MAY_FAIL)).code).toBe(1);
  });

  test('with ttkmd: no installation fails, no working module goes, and a removal ends clean', async () => {
    await using machine = await situation(DEBIAN, 'with ttkmd');
    const { sandbox, older, next } = machine;
    const module = await modulePath(sandbox, older);
    const working = await identity(sandbox, module);
    for (const release of [next, older]) {
      await sandbox.runParts('/etc/kernel/postinst.d', release);
      expect(await identity(sandbox, module)).toBe(working);
    }
    expect(await installedVersion(sandbox, next)).toBeUndefined();
    await expectAdopted(sandbox, BROKEN);
    await expectAutoinstallIdle(sandbox, [older, next]);

    await sandbox.addDriver({ version: MENDED });
    await sandbox.runParts('/etc/kernel/postinst.d', next);
    expect(await installedVersion(sandbox, next)).toBe(MENDED);
    const builds = (await history(sandbox)).filter(
      ({ step, outcome }) => step === 'build' && outcome === 'done',
    );
    expect(builds.map(({ release, version }) => [release, version])).toEqual([[next, MENDED]]);

    // dkms's own prerm.d forgets the version with its last kernel; the next kernel gets it all the same.
    await sandbox.runParts('/etc/kernel/prerm.d', next);
    await sandbox.removeKernel(next);
    await sandbox.runParts('/etc/kernel/postrm.d', next);
    expect((await statusOf(sandbox)).kernels.map(({ release }) => release)).not.toContain(next);
    await sandbox.runParts('/etc/kernel/postinst.d', older);
    expect(await installedVersion(sandbox, older)).toBe(MENDED);
  });
});

test('a source that somebody else registered is taken over, and given back', async () => {
  await using sandbox = await Sandbox.create(GENTOO);
  const source = await sandbox.addDriver();
  await sandbox.run(['dkms', 'add', `tenstorrent/${SAMPLE}`]);
  const conf = await sandbox.read(`${source}/dkms.conf`);
  expect(conf).toContain('AUTOINSTALL="yes"');
  const { release } = await sandbox.addKernel(kernels.older);
  await sandbox.installProgram();

  const installed = await sandbox.gentooInstallkernel(release);
  expect(installed.stdout).toContain('built, installed, verified');
  expect(installed.stdout).not.toContain('Autoinstall');
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  await expectAdopted(sandbox, SAMPLE);
  const { stdout } = await insist(sandbox, ['status'], 0);
  expect(stdout).toMatch(/registered with dkms before\s+ttkmd/);
  // kernel_preinst and kernel_postinst once more, by themselves.
  const before = await snapshot(sandbox);
  await sandbox.run(['dkms', 'kernel_preinst', '-k', release]);
  await sandbox.run(['dkms', 'kernel_postinst', '-k', release]);
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
  await expectAutoinstallIdle(sandbox, [release]);

  await insist(sandbox, ['uninstall'], 0);
  expect(await sandbox.read(`${source}/dkms.conf`)).toBe(conf);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  expect(await dkmsStatus(sandbox)).toEqual([`tenstorrent/${SAMPLE}, ${release}, x86_64: installed`]);
});

test('on a read-only /usr the driver is built all the same, and what could not be taken over is said', async () => {
  await using sandbox = await Sandbox.create({ ...GENTOO, kernels: [kernels.older] });
  const source = await sandbox.addDriver();
  await sandbox.installProgram();
  for (const folder of ['/usr/src', '/usr/lib/udev']) {
    await sandbox.run(['mount', '--bind', folder, folder]);
    await sandbox.run(['mount', '-o', 'remount,bind,ro', folder]);
  }
  await insist(sandbox, ['reconcile'], 0);
  expect(await installedVersion(sandbox, kernels.older.gentooRelease)).toBe(SAMPLE);
  const { problems, health } = await statusOf(sandbox);
  expect(health).toBe('ok');
  expect(problems.filter(({ code }) => code !== 'unsupported')).toMatchObject([
    {
      code: 'not-taken-over',
      message: expect.stringContaining(source),
      hint: expect.stringContaining('writable'),
    },
  ]);
  const before = await snapshot(sandbox);
  await insist(sandbox, ['reconcile'], 0);
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
});
