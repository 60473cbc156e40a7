// A kernel comes or goes through the ways that installers take, and the driver follows.

import { describe, expect, test } from 'vitest';
import {
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
  changes,
  configure,
  history,
  identity,
  insist,
  installedVersion,
  intercept,
  letGo,
  modulePath,
  prepared,
  printed,
  SAMPLE,
  snapshot,
  states,
} from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive, type RunResult, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

/** A call that finds nothing to do takes a small part of this, on a busy machine too. */
const QUICK_MS = 15_000;

/** What remains of a kernel whose package was removed: what dkms and depmod put into its folder. */
async function removeKernelsOwn(sandbox: Sandbox, release: string): Promise<void> {
  await sandbox.run([
    'sh',
    '-ec',
    `cd /lib/modules/${release}
    rm -rf kernel/drivers modules.order modules.builtin modules.builtin.modinfo build source vmlinuz
    rm -rf ${sandbox.kernel(release).buildTree}`,
  ]);
}

/** Lines of the hooks alone, without those of the installer. */
function ourLines({ stdout, stderr }: RunResult): string[] {
  return `${stdout}${stderr}`.split('\n').filter((line) => line.includes('ttkmd:'));
}

describe("systemd's kernel-install", () => {
  test('a kernel arrives, arrives again, and leaves', async () => {
    await using sandbox = await gentoo();
    const { release: other } = await sandbox.addKernel(kernels.older);
    const { release } = await sandbox.addKernel(kernels.v612);

    const first = await sandbox.kernelInstall('add', release);
    expect(first.stdout).toMatch(builtLine(release));
    expect(first.stderr).toBe('');
    await expectModule(sandbox, release, 'kernel/extra/tenstorrent.ko');
    await noBuildAlive(sandbox);
    // A hook deals with its own kernel only.
    expect(await states(sandbox)).toEqual({ [release]: 'current', [other]: 'missing' });
    const entries = await history(sandbox);
    expect(entries.map(({ trigger }) => trigger)).toEqual(entries.map(() => 'kernel-event'));
    expect(entries.map(({ outcome }) => outcome)).toEqual(entries.map(() => 'done'));
    expect(entries.filter((entry) => entry.release === release).map(({ step }) => step)).toEqual([
      'build',
      'install',
    ]);
    await insist(sandbox, ['ready', release], 0);

    const settled = await snapshot(sandbox);
    const started = Date.now();
    const second = await sandbox.kernelInstall('add', release);
    expect(Date.now() - started).toBeLessThan(QUICK_MS);
    expect(printed(second)).toBe(`exit status 0\nttkmd: tenstorrent ${SAMPLE} for ${release} ... current\n`);
    expect(await changedSince(sandbox, settled)).toEqual([]);

    // Told of a removal while all of it is there, while its modules are, and while its image is: kept.
    const module = await modulePath(sandbox, release);
    const kept = await identity(sandbox, module);
    const record = `/var/lib/dkms/tenstorrent/kernel-${release}-x86_64`;
    const expectKept = async (): Promise<void> => {
      expect(printed(await sandbox.kernelInstall('remove', release))).toBe('exit status 0\n');
      expect(await identity(sandbox, module)).toBe(kept);
      expect(await sandbox.exists(record)).toBe(true);
    };
    await expectKept();
    await sandbox.remove(`/boot/vmlinuz-${release}`);
    await expectKept();
    await removeKernelsOwn(sandbox, release);
    await sandbox.write(`/boot/vmlinuz-${release}`, 'an image');
    await expectKept();

    await sandbox.remove(`/boot/vmlinuz-${release}`);
    await sandbox.write(`/lib/modules/${release}/kernel/extra/other.ko`, "somebody else's");
    const gone = await sandbox.kernelInstall('remove', release);
    expect(printed(gone)).toBe(`exit status 0\nttkmd: ${release} ... forgotten\n`);
    expect(await sandbox.list(`/lib/modules/${release}/kernel/extra`)).toEqual(['other.ko']);
    expect((await sandbox.list('/var/lib/dkms/tenstorrent')).sort()).toEqual([SAMPLE]);
    expect(await sandbox.list(`/var/lib/dkms/tenstorrent/${SAMPLE}`)).toEqual(['build', 'source']);
    expect((await sandbox.run(['dkms', 'status'])).stdout).toBe(`tenstorrent/${SAMPLE}: added\n`);
    expect(await states(sandbox)).toEqual({ [release]: 'unsupported', [other]: 'missing' });
    // And that was all: nothing is left to be forgotten.
    expect(printed(await sandbox.kernelInstall('remove', release))).toBe('exit status 0\n');
  });

  test("another plugin's 77 ends the run, and ours is never one", async () => {
    await using sandbox = await gentoo();
    const { release } = await sandbox.addKernel(kernels.v612);
    const early = '/etc/kernel/install.d/30-early.install';
    await sandbox.write(early, '#!/bin/sh\nexit 77\n', 0o755);
    expect(printed(await sandbox.kernelInstall('add', release))).toBe('exit status 0\n');
    expect(await installedVersion(sandbox, release)).toBeUndefined();
    // Nobody told us; looking finds it all the same.
    const status = await insist(sandbox, ['status'], 1);
    expect(status.stdout).toContain(release);
    expect(status.stdout).toContain('ttkmdctl reconcile');

    await sandbox.remove(early);
    await sandbox.write('/etc/kernel/install.d/40-late.install', '#!/bin/sh\nexit 77\n', 0o755);
    await sandbox.write('/etc/kernel/install.d/90-never.install', '#!/bin/sh\necho reached\n', 0o755);
    const { stdout } = await sandbox.kernelInstall('add', release);
    expect(stdout).toMatch(builtLine(release));
    await expectModule(sandbox, release, 'kernel/extra/tenstorrent.ko');
    await sandbox.remove('/etc/kernel/install.d/40-late.install');
    // Ours is no 77 either: now the plugins behind it are reached.
    expect((await sandbox.kernelInstall('add', release)).stdout).toContain('reached');
  });
});

describe("Gentoo's traditional installkernel", () => {
  test('preinst.d builds before the initramfs is made, postinst.d makes sure and is quiet', async () => {
    await using sandbox = await gentoo();
    await sandbox.write(
      '/usr/lib/kernel/preinst.d/52-dracut.install',
      '#!/bin/sh\nmodinfo -k "$1" -n tenstorrent > /tmp/at-initramfs 2>&1\nexit 0\n',
      0o755,
    );
    const { release } = await sandbox.addKernel(kernels.v61, { image: false });
    const installed = await sandbox.gentooInstallkernel(release);
    expect(await sandbox.read('/tmp/at-initramfs')).toBe(
      `/lib/modules/${release}/kernel/extra/tenstorrent.ko\n`,
    );
    await expectModule(sandbox, release, 'kernel/extra/tenstorrent.ko');
    expect(await sandbox.exists(`/boot/vmlinuz-${release}`)).toBe(true);
    expect(installed.stderr).toBe('');
    const lines = installed.stdout.split('\n').filter((line) => !line.startsWith(' * Running '));
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(
          `^ \\* ttkmd: tenstorrent ${SAMPLE} for ${escaped(release)} \\.\\.\\. built, installed, verified \\(\\d+ s\\)   \\[ ok \\]$`,
        ),
      ),
      '',
    ]);
    // Quiet, and yet they ran.
    for (const hook of [PREINST, DEBIAN_POSTINST, POSTINST]) expect(installed.stdout).toContain(hook);

    // Where the first hook is switched off, the second one builds, if too late for the initramfs.
    await sandbox.link('/dev/null', '/etc/kernel/preinst.d/35-ttkmd.install');
    const { release: next } = await sandbox.addKernel(kernels.older, { image: false });
    const late = await sandbox.gentooInstallkernel(next);
    expect(await sandbox.read('/tmp/at-initramfs')).toContain('not found');
    await expectModule(sandbox, next, 'kernel/extra/tenstorrent.ko');
    expect(ourLines(late)).toHaveLength(1);
    const builds = (await history(sandbox)).filter(({ step }) => step === 'build');
    expect(builds.map((entry) => entry.release)).toEqual([release, next]);
  });

  test("another plugin's 77 ends the installation, before our hook and after it", async () => {
    await using sandbox = await gentoo();
    const { release } = await sandbox.addKernel(kernels.older, { image: false });
    await sandbox.write('/usr/lib/kernel/preinst.d/05-check-chroot.install', '#!/bin/sh\nexit 77\n', 0o755);
    expect((await sandbox.gentooInstallkernel(release)).code).toBe(0);
    expect(await installedVersion(sandbox, release)).toBeUndefined();

    await sandbox.remove('/usr/lib/kernel/preinst.d/05-check-chroot.install');
    await sandbox.write('/usr/lib/kernel/preinst.d/90-stop.install', '#!/bin/sh\nexit 77\n', 0o755);
    expect((await sandbox.gentooInstallkernel(release)).code).toBe(0);
    await expectModule(sandbox, release, 'kernel/extra/tenstorrent.ko');
    expect(await sandbox.exists(`/boot/vmlinuz-${release}`)).toBe(false);
  });
});

test("Debian's run-parts with dkms 3.0: postinst.d builds, prerm.d waits, postrm.d forgets", async () => {
  await using sandbox = await prepared({ dkms: dkms.v30, kernels: [kernels.v612] });
  const { release } = await sandbox.addKernel(kernels.v61);

  const first = await sandbox.runParts('/etc/kernel/postinst.d', release);
  expect(first.stdout.replace(`${DEBIAN_POSTINST}:\n`, '')).toMatch(builtLine(release));
  expect(first.stderr).toBe('');
  await expectModule(sandbox, release, 'updates/dkms/tenstorrent.ko');
  expect(await states(sandbox)).toEqual({ [release]: 'current', [kernels.v612.release]: 'missing' });
  const settled = await snapshot(sandbox);
  expect(printed(await sandbox.runParts('/etc/kernel/postinst.d', release))).toBe('exit status 0\n');
  // dpkg may yet call the removal off, so nothing is touched before it.
  expect(printed(await sandbox.runParts('/etc/kernel/prerm.d', release))).toBe('exit status 0\n');
  expect(changes(settled, await snapshot(sandbox))).toEqual([]);

  // The hook is Debian's only way: each call is an installation of its own, and tries again what may have been mended.
  const module = await modulePath(sandbox, release);
  await sandbox.write(module, 'damaged');
  await intercept(sandbox, 'make', 'echo "make: write error: No space left on device"; exit 1');
  const failed = await sandbox.runParts('/etc/kernel/postinst.d', release);
  expect(failed.stderr).toContain('FAILED: no space left on the device');
  const reminded = await sandbox.runParts('/etc/kernel/postinst.d', release);
  expect(reminded.stderr).toContain('FAILED: no space left on the device');
  await letGo(sandbox, 'make');
  const mended = await sandbox.runParts('/etc/kernel/postinst.d', release);
  expect(mended.stdout.replace(`${DEBIAN_POSTINST}:\n`, '')).toMatch(builtLine(release));
  await expectModule(sandbox, release, 'updates/dkms/tenstorrent.ko');

  await removeKernelsOwn(sandbox, release);
  await sandbox.run(['rm', '-r', `/boot/vmlinuz-${release}`, `/lib/modules/${release}/kernel`]);
  const removed = await sandbox.runParts('/etc/kernel/postrm.d', release);
  expect(removed.stdout.replace(`${DEBIAN_POSTRM}:\n`, '')).toBe(`ttkmd: ${release} ... forgotten\n`);
  expect(await sandbox.list('/lib/modules')).toEqual([kernels.v612.release]);
  expect(await sandbox.list('/var/lib/dkms/tenstorrent')).toEqual([SAMPLE]);
});
test('what one hook has said, the later ones of the same installation do not say again', async () => {
  await using sandbox = await gentoo();
  const { release } = await sandbox.addKernel(kernels.older, { image: false });
  await configure(sandbox, `[kernels]\nexclude = ${release}\n`);
  const excluded = await sandbox.gentooInstallkernel(release);
  expect.soft(ourLines(excluded).filter((line) => line.includes('kernels.exclude'))).toHaveLength(1);
  await configure(sandbox, '[hook]\non_failure = maybe\n');
  const warned = await sandbox.gentooInstallkernel(release);
  expect.soft(ourLines(warned).filter((line) => line.includes('"maybe"'))).toHaveLength(1);
});

test('inside a chroot the hook builds, and the running kernel is none of its business', async () => {
  await using sandbox = await gentoo();
  const { release } = await sandbox.addKernel(kernels.older);
  // A PID namespace of its own, since containers may not look at the machine's process 1.
  const inChroot = (command: string): Promise<RunResult> =>
    sandbox.run(
      [
        'unshare',
        '--pid',
        '--fork',
        '--mount',
        'sh',
        '-ec',
        `mkdir -p /tmp/root
      mount -t tmpfs root /tmp/root
      cd /tmp/root
      for folder in usr etc var sys dev run boot tmp root; do
        mkdir $folder
        mount --rbind /$folder $folder
      done
      for link in bin sbin lib lib64; do ln -s usr/$link $link; done
      mkdir proc
      mount -t proc proc /proc
      mount -t proc proc proc
      chroot /tmp/root ${command}`,
      ],
      MAY_FAIL,
    );

  const added = await inChroot(`${PLUGIN} add ${release} /boot/entry /boot/vmlinuz-${release}`);
  expect(printed(added)).toMatch(/^exit status 0\nttkmd: .* built, installed, verified/);
  await expectModule(sandbox, release, 'kernel/extra/tenstorrent.ko');
  const { code, stdout } = await inChroot('ttkmdctl status');
  expect(code).toBe(0);
  expect(stdout).toMatch(/running +not this system/);
  expect(stdout).not.toContain('no-modules');
});

test('arguments that make no sense do nothing', async () => {
  await using sandbox = await gentoo();
  const { release } = await sandbox.addKernel(kernels.older);
  await sandbox.write('/lib/tenstorrent.ko', 'a bystander');
  const before = await snapshot(sandbox);
  const image = `/boot/vmlinuz-${release}`;
  const senseless = [
    '',
    '.',
    '..',
    '../..',
    `../modules/${release}`,
    `${release}/`,
    `/${release}`,
    '*',
    `${release} `,
  ];
  const calls: string[][] = [
    [PLUGIN],
    [PLUGIN, 'add'],
    [PLUGIN, 'remove'],
    [PLUGIN, 'prepare', release, '/boot/entry', image],
    [PLUGIN, release, image],
    ...senseless.map((text) => [PLUGIN, 'add', text, '/boot/entry', image]),
    ...senseless.map((text) => [PLUGIN, 'remove', text, '/boot/entry']),
    ...[PREINST, POSTINST, DEBIAN_POSTINST, DEBIAN_POSTRM].flatMap((hook) => [
      [hook],
      [hook, '..', image],
      [hook, '', ''],
    ]),
    [PREINST, '--root=/nowhere', image],
    [DEBIAN_POSTRM, '--help'],
  ];
  for (const call of calls) {
    const { code } = await sandbox.run(call, MAY_FAIL);
    expect(code, call.join(' ')).toBe(0);
  }
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
  expect((await sandbox.run([PLUGIN, 'add', `../${release}`, '/boot/entry', image])).stderr).toBe(
    `ttkmd: nothing done: called with unknown arguments (add ../${release} /boot/entry ${image})\n`,
  );
  // A kernel that is not there is nothing to build for.
  expect((await sandbox.kernelInstall('add', '9.9.9-none', image)).stdout).toContain(
    '9.9.9-none has no folder',
  );
  expect(changes(before, await snapshot(sandbox))).toEqual([]);
});
