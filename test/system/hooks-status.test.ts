// `ttkmdctl hooks status`: which way kernel installations take, and each way past ttkmd.

import { describe, expect, test } from 'vitest';
import { insist, prepared } from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const PLUGIN = '/usr/lib/kernel/install.d/35-ttkmd.install';
const PREINST = '/usr/lib/kernel/preinst.d/35-ttkmd.install';

/** A way past our hook. */
interface Bypass {
  name: string;
  /** Shell commands. */
  arrange: string;
  undo: string;
  /** What status says, the path with it. */
  says: RegExp;
  /** What it says to do. */
  hint: RegExp;
  /** Whether kernel-install itself then goes past us. */
  silent: boolean;
}

const MASK = '/etc/kernel/install.d/35-ttkmd.install';

const BYPASSES: readonly Bypass[] = [
  {
    name: 'a mask',
    arrange: `ln -s /dev/null ${MASK}`,
    undo: `rm ${MASK}`,
    says: /\/etc\/kernel\/install\.d\/35-ttkmd\.install switches our hook off/,
    hint: /remove \/etc\/kernel\/install\.d\/35-ttkmd\.install/,
    silent: true,
  },
  {
    name: "somebody's own plugin of the same name",
    arrange: `printf '#!/bin/sh\\n' > ${MASK} && chmod 755 ${MASK}`,
    undo: `rm ${MASK}`,
    says: /\/etc\/kernel\/install\.d\/35-ttkmd\.install takes the place of our hook/,
    hint: /have it call \/usr\/lib\/kernel\/install\.d\/35-ttkmd\.install/,
    silent: true,
  },
  {
    name: 'a hook that is not executable',
    arrange: `chmod a-x ${PLUGIN}`,
    undo: 'ttkmdctl hooks install',
    says: /\/usr\/lib\/kernel\/install\.d\/35-ttkmd\.install is not an executable file/,
    hint: /ttkmdctl hooks install/,
    silent: true,
  },
  {
    name: 'a hook that is gone',
    arrange: `rm ${PLUGIN}`,
    undo: 'ttkmdctl hooks install',
    says: /\/usr\/lib\/kernel\/install\.d\/35-ttkmd\.install is not installed/,
    hint: /ttkmdctl hooks install/,
    silent: true,
  },
  {
    name: 'a file system that runs nothing',
    arrange: 'mount --bind /usr/lib/kernel /usr/lib/kernel && mount -o remount,bind,noexec /usr/lib/kernel',
    undo: 'umount /usr/lib/kernel',
    says: /35-ttkmd\.install is on a file system that is mounted noexec/,
    hint: /without noexec/,
    silent: true,
  },
  {
    name: 'a list of plugins without ours',
    arrange:
      'echo "KERNEL_INSTALL_PLUGINS=/usr/lib/kernel/install.d/50-depmod.install" > /etc/kernel/install.conf',
    undo: 'rm /etc/kernel/install.conf',
    says: /\/etc\/kernel\/install\.conf sets KERNEL_INSTALL_PLUGINS/,
    hint: /add our hook to it/,
    // The sandbox's kernel-install is given a configuration of its own.
    silent: false,
  },
  {
    name: "the admin's own installkernel",
    arrange: "printf '#!/bin/sh\\n' > /usr/local/bin/installkernel && chmod 755 /usr/local/bin/installkernel",
    undo: 'rm /usr/local/bin/installkernel',
    says: /\/usr\/local\/bin\/installkernel is called instead/,
    hint: /have it end with: ttkmdctl reconcile --kernel RELEASE/,
    silent: false,
  },
];

test('hooks status names each way past us, and it is one', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.older] });
  const release = kernels.older.gentooRelease;
  // What the hook says at every call, without a build each time.
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/50-test.conf', `[kernels]\nexclude = ${release}\n`);
  const heard = async (): Promise<string> => {
    const { stdout, stderr } = await sandbox.kernelInstall('add', release, undefined, { allowFailure: true });
    return `${stdout}${stderr}`;
  };
  expect(await heard()).toContain('ttkmd: no driver for');

  for (const { name, arrange, undo, says, hint, silent } of BYPASSES) {
    await sandbox.run(['sh', '-c', arrange]);
    const { stdout } = await insist(sandbox, ['hooks', 'status'], 1);
    expect(stdout, name).toMatch(/^● kernel installations do not all reach ttkmd$/m);
    expect(stdout.replaceAll(/\n */g, ' '), name).toMatch(says);
    expect(stdout.replaceAll(/\n */g, ' '), name).toMatch(hint);
    const document = JSON.parse((await insist(sandbox, ['hooks', 'status', '--json'], 1)).stdout) as {
      schema: number;
      covered: boolean;
      problems: { severity: string; message: string }[];
    };
    expect(document).toMatchObject({ schema: 1, covered: false });
    const [bypass, ...others] = document.problems.filter(({ severity }) => severity === 'bypass');
    expect(bypass?.message, name).toMatch(says);
    expect(others, name).toEqual([]);
    if (silent) expect(await heard(), name).not.toContain('ttkmd: ');
    await sandbox.run(['sh', '-c', undo]);
    await insist(sandbox, ['hooks', 'status'], 0);
  }
  expect(await heard()).toContain('ttkmd: no driver for');
});

describe('hooks status names the way that kernel installations take', () => {
  const way = async (sandbox: Sandbox): Promise<string> => {
    const { stdout } = await insist(sandbox, ['hooks', 'status', '--json'], 0);
    return (JSON.parse(stdout) as { ways: { installer: string }[] }).ways
      .map(({ installer }) => installer)
      .join(' and ');
  };

  test("on Gentoo by its installkernel, on Debian by its kernel packages' scripts", async () => {
    await using gentoo = await prepared({ dkms: dkms.v32, tree: 'gentoo' });
    expect(await way(gentoo)).toBe('kernel-install');
    const script = (systemd: string): string => `#!/bin/bash\n: "\${SYSTEMD_KERNEL_INSTALL:=${systemd}}"\n`;
    await gentoo.write('/usr/sbin/installkernel', script('1'), 0o755);
    expect(await way(gentoo)).toBe('kernel-install');
    await gentoo.write('/usr/sbin/installkernel', script('0'), 0o755);
    expect(await way(gentoo)).toBe('installkernel');
    // Which hooks are needed goes by the way.
    await gentoo.remove(PLUGIN);
    expect(await way(gentoo)).toBe('installkernel');
    await gentoo.remove(PREINST);
    expect((await insist(gentoo, ['hooks', 'status'], 1)).stdout).toContain(`${PREINST} is not installed.`);

    await using debian = await prepared({ dkms: dkms.v30 });
    expect(await way(debian)).toBe('run-parts');
    await debian.remove('/etc/kernel/postinst.d/35-ttkmd');
    await insist(debian, ['hooks', 'status'], 1);
  });
});
