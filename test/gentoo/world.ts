// `emerge @world` brings kernels, with the real Portage: the driver follows. A file for each flavour of installkernel
// runs this, side by side.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  history,
  identity,
  insist,
  installedVersion,
  modulePath,
  printed,
  SAMPLE,
  statusOf,
  until,
} from '../system/support/machine.ts';
import { buildsAlive, noBuildAlive, type RunResult } from '../system/support/sandbox.ts';
import { type Flavour, GentooRoot } from './support/root.ts';

const KERNEL = 'sys-kernel/sample-kernel';

// Each step goes on where the one before it has ended, since each kernel's merge costs a quarter of a minute.
export function emergeWorld(flavour: Flavour): void {
  describe(`with installkernel's ${flavour} flavour`, () => steps(flavour));
}

function steps(flavour: Flavour): void {
  let root: GentooRoot;
  /** The kernels that have their driver, with what identifies its file. */
  const built = new Map<string, string>();

  const releaseState = async (release: string): Promise<string | undefined> => {
    const { kernels } = await statusOf(root.sandbox);
    return kernels.find((kernel) => kernel.release === release)?.module.state;
  };

  const expectBuilt = async (release: string): Promise<void> => {
    expect(await releaseState(release)).toBe('current');
    expect(await installedVersion(root.sandbox, release)).toBe(SAMPLE);
    const path = await modulePath(root.sandbox, release);
    const { stdout } = await root.sandbox.run(['modinfo', '-F', 'vermagic', path]);
    expect(stdout.split(' ')[0]).toBe(release);
    built.set(release, await identity(root.sandbox, path));
  };

  const expectOthersUntouched = async (): Promise<void> => {
    for (const [release, before] of built) {
      expect(await identity(root.sandbox, await modulePath(root.sandbox, release)), release).toBe(before);
    }
  };

  /** The one line that a kernel which has got its driver is worth. */
  const builtLine = (release: string): string =>
    `tenstorrent ${SAMPLE} for ${release} ... built, installed, verified`;

  const ourLines = ({ stdout, stderr }: RunResult): string[] =>
    `${stdout}${stderr}`.split('\n').filter((line) => line.includes('ttkmd:'));

  beforeAll(async () => {
    root = await GentooRoot.create(flavour);
    const source = await root.sandbox.addDriver();
    // As tt-kmd, it needs a kernel with CONFIG_HWMON.
    await root.sandbox.write(`${source}/switches.mk`, 'hwmon = y\n');
    await root.mergeTtkmd();
    // As an admin has it: without a slot, so that each newer kernel is an update.
    await root.sandbox.run(['sh', '-c', `echo ${KERNEL} >> /var/lib/portage/world`]);
  });

  afterAll(async () => {
    await root[Symbol.asyncDispose]();
  });

  test('two kernels in one go', async () => {
    const older = await root.offerKernel('6.1.100', 'older');
    const newer = await root.offerKernel('6.1.200', 'v61');
    const atoms = [`=${KERNEL}-6.1.100`, `=${KERNEL}-6.1.200`];
    if (flavour === 'systemd') {
      const merged = await root.emerge(['--oneshot', '--jobs=2', '--quiet-build=n', ...atoms]);
      // With several jobs Portage shows nothing of what hooks print.
      expect(ourLines(merged)).toEqual([]);
    } else {
      // By two of Portage, which know nothing of each other.
      await Promise.all(atoms.map((atom) => root.emerge(['--oneshot', atom])));
    }
    for (const release of [older, newer]) await expectBuilt(release);
    await insist(root.sandbox, ['ready', newer], 0);
    const { stdout } = await insist(root.sandbox, ['hooks', 'status'], 0);
    expect(stdout).toContain(flavour === 'systemd' ? 'kernel-install' : 'installkernel');
  });

  test('@world moves on to the next kernel, and the driver is current when emerge ends', async () => {
    const release = await root.offerKernel('6.12.100', 'v612');
    const merged = await root.emerge(['-uDv', '@world']);
    expect(ourLines(merged)).toEqual([expect.stringContaining(builtLine(release))]);
    expect(ourLines(merged)[0]).toMatch(/^ \* ttkmd: .* {3}\[ ok ]$/);
    await expectOthersUntouched();
    await expectBuilt(release);
    await noBuildAlive(root.sandbox);
    expect(await root.elog(`${KERNEL}-6.12.100`)).toBe('');
    // Installed once more, by the admin: nothing is built again, and dkms's own hook has taken nothing away.
    await root.emerge(['--config', `=${KERNEL}-6.12.100`]);
    await expectOthersUntouched();
    expect(await root.sandbox.run(['readlink', '/usr/src/linux'])).toMatchObject({
      stdout: `linux-${release}\n`,
    });
    // What is there is what both hooks of the traditional way found, and dkms's own beside them has done nothing.
    const builds = (await history(root.sandbox)).filter(({ step }) => step === 'build');
    expect(builds.map((entry) => entry.release).sort()).toEqual([...built.keys()].sort());
  });

  test('as a binary package', async () => {
    await root.sandbox.run(['quickpkg', `=${KERNEL}-6.12.100`], { env: { NOCOLOR: '1' } });
    await root.emerge(['--quiet', '--unmerge', `=${KERNEL}-6.12.100`]);
    await root.emerge(['--usepkgonly', '--oneshot', `=${KERNEL}-6.12.100`]);
    await expectOthersUntouched();
    for (const release of built.keys()) expect(await releaseState(release)).toBe('current');
  });

  test('into another ROOT: no hook runs, and the first boot brings the driver', async () => {
    const release = await root.offerKernel('6.1.300', 'v61');
    const target = '/run/target';
    // As Gentoo's own stages are: with /usr merged.
    await root.sandbox.run(['mkdir', '-p', `${target}/usr/lib`]);
    await root.sandbox.link('usr/lib', `${target}/lib`);
    await root.emerge(['--oneshot', '--nodeps', `=${KERNEL}-6.1.300`], { env: { ROOT: target } });
    expect(await root.sandbox.exists(`${target}/lib/modules/${release}/modules.dep`)).toBe(true);
    expect(await releaseState(release)).toBeUndefined();
    const { stdout } = await root.sandbox.ttkmdctl(['--root', target, 'status', '--json']);
    expect(stdout).toContain(release);
    // Booted, it is /. What its Portage would call of hooks nobody has called.
    for (const folder of ['lib/modules', 'usr/src']) {
      await root.sandbox.run(['cp', '-a', `${target}/${folder}/.`, `/${folder}/`]);
    }
    await root.sandbox.run(['rm', '-r', target]);
    expect(await releaseState(release)).toBe('missing');
    await root.sandbox.ttkmdctl(['reconcile', '--trigger', 'boot']);
    await expectBuilt(release);
    await expectOthersUntouched();
    await root.sandbox.run(['rm', '-r', `/lib/modules/${release}`, `/usr/src/linux-${release}`]);
    await root.sandbox.run(['rm', '-f', `/boot/vmlinuz-${release}`]);
    built.delete(release);
    // Nothing is removed on a glance.
    await until('it is forgotten', async () => {
      await root.sandbox.ttkmdctl(['reconcile']);
      return (await releaseState(release)) === undefined;
    });
  });

  test('in a chroot: installkernel may refuse it all, and the driver comes later', async () => {
    const release = await root.offerKernel('6.1.310', 'v61');
    const chroot = await root.layChroot();
    const inside = (...args: string[]): Promise<RunResult> =>
      root.sandbox.run([...chroot, 'emerge', ...args], {
        allowFailure: true,
        timeoutMs: 240_000,
        env: { NOCOLOR: '1', TERM: 'dumb' },
      });
    const atom = `=${KERNEL}-6.1.310`;
    const merged = await inside('--oneshot', atom);
    // Gentoo's check ends before our turn: the failure is its own, and Portage has the kernel's files in place.
    expect(printed(merged)).toContain('from inside a chroot');
    expect(printed(merged)).toContain('Installing the kernel failed');
    expect(ourLines(merged)).toEqual([]);
    expect(await releaseState(release)).toBe('missing');
    await insist(root.sandbox, ['ready', release], 1);
    if (flavour === 'systemd') {
      // The system is booted as it is.
      await root.sandbox.ttkmdctl(['reconcile', '--trigger', 'boot']);
    } else {
      // The admin has done what the check asks for.
      await root.sandbox.write('/etc/kernel/cmdline', 'root=/dev/vda\n');
      const configured = await inside('--config', atom);
      expect(configured.code, printed(configured)).toBe(0);
      expect(ourLines(configured)).toEqual([expect.stringContaining(builtLine(release))]);
      await root.sandbox.remove('/etc/kernel/cmdline');
    }
    await expectBuilt(release);
    await expectOthersUntouched();
  });

  test('a driver that does not build: the merge succeeds, and its messages tell', async () => {
    const release = await root.offerKernel('6.12.110', 'cloud');
    const merged = await root.emerge(['-uDv', '@world']);
    expect(printed(merged)).toContain(`${KERNEL}-6.12.110 merged.`);
    const [line = ''] = ourLines(merged);
    expect(line).toContain(`tenstorrent ${SAMPLE} for ${release} ... FAILED: `);
    expect(line).toContain('CONFIG_HWMON');
    expect(await releaseState(release)).toBe('failed');
    await expectOthersUntouched();
    await insist(root.sandbox, ['ready', release], 1);

    const elog = await root.elog(`${KERNEL}-6.12.110`);
    expect(elog).toContain('WARN: postinst\n');
    expect(elog).toContain(`ttkmd: tenstorrent ${SAMPLE} for ${release} ... FAILED: `);
    expect(elog).toContain('/etc/kernel/config.d');
    // Once is enough, however many hooks have told.
    expect(elog.split('\n').filter((one) => one.includes('ttkmd: tenstorrent'))).toHaveLength(1);
    // And at the end of emerge, where it is read.
    expect(printed(merged)).toContain(` * Messages for package ${KERNEL}-6.12.110:`);
  });

  test('--depclean takes older kernels, which still boot, with their driver', async () => {
    await root.emerge(['--depclean']);
    const installed = (await root.sandbox.list('/var/db/pkg/sys-kernel')).filter((name) =>
      name.startsWith('sample-'),
    );
    expect(installed).toEqual(['sample-kernel-6.12.110']);
    const before = await statusOf(root.sandbox);
    const result = await root.sandbox.ttkmdctl(['reconcile']);
    expect(result.stderr).not.toContain('not be');
    await expectOthersUntouched();
    for (const release of built.keys()) {
      expect(await root.sandbox.exists(`/usr/src/linux-${release}`)).toBe(false);
      expect(await releaseState(release)).toBe('current');
      await insist(root.sandbox, ['ready', release], 0);
    }
    expect((await statusOf(root.sandbox)).kernels.map((kernel) => kernel.module.state)).toEqual(
      before.kernels.map((kernel) => kernel.module.state),
    );
  });

  test('a merge that is killed, while files are copied and while the driver is built', async () => {
    const release = await root.offerKernel('6.12.120', 'v612');
    const killWhen = async (what: string, condition: () => Promise<boolean> | boolean): Promise<void> => {
      const emerge = root.sandbox.spawn(['emerge', '-uD', '@world'], {
        stdio: 'ignore',
        env: { NOCOLOR: '1', TERM: 'dumb' },
      });
      await until(what, condition);
      // All at once, as when the power goes.
      for (const { pid } of root.sandbox.processes()) killHard(pid);
      emerge.unref();
      await until('all of it has ended', () => root.sandbox.processes().length === 0);
    };
    await killWhen('the build tree is being merged', () =>
      root.sandbox.exists(`/usr/src/linux-${release}/Makefile`),
    );
    expect(await installedVersion(root.sandbox, release)).toBeUndefined();
    // Half a kernel is waited for, and nothing else suffers.
    await root.sandbox.ttkmdctl(['reconcile']);
    expect(await releaseState(release)).not.toBe('current');
    await expectOthersUntouched();

    await killWhen('the driver is being built', () =>
      buildsAlive(root.sandbox).some(({ name }) => name === 'make'),
    );
    await sleep(100);
    expect(await installedVersion(root.sandbox, release)).toBeUndefined();
    // Exit status 1: the kernel before this one cannot have its driver.
    await insist(root.sandbox, ['reconcile'], 1);
    await expectBuilt(release);
    await noBuildAlive(root.sandbox);

    // Portage had written the kernel down as installed before it ran the hooks: it would never have called them again.
    expect(printed(await root.emerge(['-uDv', '@world']))).toContain('Nothing to merge');
    await expectOthersUntouched();
  });
}

function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
