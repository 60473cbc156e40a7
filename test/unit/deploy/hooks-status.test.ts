// Which way kernels come to a machine, and what would go past our hooks.
import { describe, expect, test } from 'vitest';
import { install } from '../../../src/deploy/deploy.ts';
import { observeHookWays } from '../../../src/deploy/hook-facts.ts';
import { type HookStatus, judgeHookWays } from '../../../src/deploy/hooks-status.ts';
import type { Machine } from '../../../src/host/host.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';
import { memoryPackage } from './support.ts';

type Files = Readonly<Record<string, FileSpec>>;

const PACKAGE = memoryPackage();
const script = (text: string): FileSpec => ({ text: `#!/bin/sh\n${text}\n`, mode: 0o755 });
const binary: FileSpec = { text: '\u007fELF', mode: 0o755 };

const TRADITIONAL: Files = {
  '/sbin/installkernel': script(`: "\${SYSTEMD_KERNEL_INSTALL:=0}"`),
  '/var/db/pkg/sys-kernel/installkernel-60/USE': 'dracut grub\n',
  '/usr/lib/kernel/install.conf': 'layout=grub\ninitrd_generator=dracut\nuki_generator=none\n',
  '/usr/lib/kernel/preinst.d/05-check-chroot.install': script('exit 1'),
  '/usr/lib/kernel/preinst.d/52-dracut.install': script('exit 77'),
};
const SYSTEMD: Files = {
  '/sbin/installkernel': script(`: "\${SYSTEMD_KERNEL_INSTALL:=1}"`),
  '/var/db/pkg/sys-kernel/installkernel-60/USE': 'dracut systemd\n',
  '/usr/bin/kernel-install': binary,
};
const DEBIAN: Files = {
  '/etc/debian_version': '12\n',
  '/usr/bin/run-parts': binary,
  '/sbin/installkernel': script('run-parts'),
  '/usr/bin/kernel-install': script('# systemd 252'),
};

/** The judgement on a machine with these files and all our hooks. */
function judge(files: Files, changes: Files = {}, machine: Partial<Machine> = {}): HookStatus {
  const host = memoryHost({ files, machine });
  install(host, PACKAGE, { only: 'hooks' });
  for (const [path, spec] of Object.entries(changes)) {
    if (spec === '') host.fs.remove(path);
    else host.put({ [path]: spec });
  }
  return judgeHookWays(observeHookWays(host, PACKAGE));
}

const problems = ({ problems: found }: HookStatus): string[] =>
  found.map(({ code, severity }) => `${severity} ${code}`);

describe('the way that kernels come', () => {
  test.each<[string, Files, string[]]>([
    ["Gentoo's traditional installkernel", TRADITIONAL, ['installkernel']],
    ['installkernel with USE=systemd', SYSTEMD, ['kernel-install']],
    [
      'installkernel with USE=systemd, and no kernel-install',
      { ...SYSTEMD, '/usr/bin/kernel-install': { text: '', mode: 0o644 } },
      ['installkernel'],
    ],
    [
      'installkernel that is a link to kernel-install',
      { '/usr/bin/installkernel': { link: 'kernel-install' }, '/usr/bin/kernel-install': binary },
      ['kernel-install'],
    ],
    ['Debian', DEBIAN, ['run-parts']],
    [
      'Debian with systemd-boot',
      { ...DEBIAN, '/etc/kernel/postinst.d/zz-systemd-boot': script('kernel-install add "$1" "$2"') },
      ['run-parts', 'kernel-install'],
    ],
    ['kernel-install alone', { '/usr/bin/kernel-install': binary }, ['kernel-install']],
  ])('%s', (_, files, ways) => {
    const status = judge(files);
    expect(status.ways.map(({ installer }) => installer)).toEqual(ways);
    expect(status.covered).toBe(true);
    expect(status.problems).toEqual([]);
    expect(status.hooks.every(({ state }) => state === 'ok')).toBe(true);
  });

  test('nothing that calls hooks', () => {
    expect(problems(judge({}))).toEqual(['bypass no-installer']);
  });
});

describe('our hooks', () => {
  const preinst = '/usr/lib/kernel/preinst.d/35-ttkmd.install';
  const override = '/etc/kernel/preinst.d/35-ttkmd.install';
  const noexec = '24 1 8:1 / / rw - ext4 x rw\n25 24 8:2 / /usr rw,noexec - ext4 x rw\n';

  test.each<[string, Files, string[]]>([
    ['missing', { [preinst]: '' }, ['bypass hook-missing']],
    ['masked itself', { [preinst]: { link: '/dev/null' } }, ['bypass hook-masked']],
    ['masked in /etc', { [override]: { link: '/dev/null' } }, ['bypass hook-masked']],
    ['masked by an empty file', { [override]: { text: '', mode: 0o755 } }, ['bypass hook-masked']],
    ['overridden', { [override]: script('exit 0') }, ['bypass hook-overridden']],
    ['overridden by a file that is not run', { [override]: 'x' }, ['bypass hook-overridden']],
    ['not executable', { [preinst]: { text: '#!/bin/sh\n# preinst.d\n' } }, ['bypass hook-not-executable']],
    ['edited', { [preinst]: script('# mine') }, ['note hook-changed']],
    ['on a noexec mount', { '/proc/self/mountinfo': noexec }, ['bypass hook-noexec', 'bypass hook-noexec']],
    ["missing where this machine's way does not need it", { '/etc/kernel/prerm.d/35-ttkmd': '' }, []],
  ])('%s', (_, changes, expected) => {
    const status = judge(TRADITIONAL, changes);
    expect(problems(status)).toEqual(expected);
    expect(status.covered).toBe(expected.every((problem) => problem.startsWith('note')));
    for (const { message, hint } of status.problems) expect(message && hint).not.toBe('');
  });

  test('of an older version, ours or not', () => {
    const host = memoryHost({ files: TRADITIONAL });
    install(host, PACKAGE, { only: 'hooks' });
    const newer = memoryPackage({ [`hooks${preinst}`]: '#!/bin/sh\n# newer\n' });
    const outdated = ['note hook-outdated'];
    expect(problems(judgeHookWays(observeHookWays(host, newer)))).toEqual(outdated);
    host.fs.remove('/var/lib/ttkmd/manifest.json');
    expect(problems(judgeHookWays(observeHookWays(host, newer)))).toEqual(outdated);
    expect(problems(judgeHookWays(observeHookWays(host)))).toEqual([]);
  });
});

describe('what goes past them', () => {
  test.each<[string, Files, string[]]>([
    [
      'a custom installkernel',
      { ...TRADITIONAL, '/usr/local/bin/installkernel': binary },
      ['bypass custom-installkernel'],
    ],
    [
      "one in root's home",
      { ...TRADITIONAL, '/root/bin/installkernel': binary },
      ['possible custom-installkernel'],
    ],
    ['genkernel', { ...TRADITIONAL, '/usr/bin/genkernel': script('') }, ['possible genkernel']],
    [
      'genkernel that calls us',
      {
        ...TRADITIONAL,
        '/usr/bin/genkernel': script(''),
        '/etc/genkernel.conf': 'CMD_CALLBACK="ttkmdctl reconcile --all"\n',
      },
      [],
    ],
    [
      'USE=systemd that differs',
      { ...TRADITIONAL, '/var/db/pkg/sys-kernel/dkms-3.2.2/USE': 'systemd' },
      ['note use-systemd-differs'],
    ],
    [
      'plugins named in the configuration',
      {
        ...TRADITIONAL,
        '/etc/kernel/install.conf': 'layout=compat\nINSTALLKERNEL_PREINST_PLUGINS="/x /y"\n',
      },
      ['bypass plugins-setting'],
    ],
    [
      'plugins named, ours among them',
      {
        ...TRADITIONAL,
        '/etc/kernel/install.conf':
          'INSTALLKERNEL_PREINST_PLUGINS="/x /usr/lib/kernel/preinst.d/35-ttkmd.install"\n',
      },
      [],
    ],
    [
      'a setting that this kernel-install does not read',
      { ...SYSTEMD, '/etc/kernel/install.conf': 'KERNEL_INSTALL_PLUGINS=/x\n' },
      ['note plugins-setting'],
    ],
    [
      'a setting that it sources',
      {
        ...SYSTEMD,
        '/usr/bin/kernel-install': script('. install.conf'),
        '/etc/kernel/install.conf': 'KERNEL_INSTALL_PLUGINS=/x\n',
      },
      ['bypass plugins-setting'],
    ],
    [
      'an earlier hook that may stop',
      { ...TRADITIONAL, '/etc/kernel/preinst.d/10-mine': script('exit 77') },
      ['possible earlier-hook'],
    ],
    [
      "dkms's own hooks",
      { ...TRADITIONAL, '/usr/lib/kernel/preinst.d/dkms': script('dkms kernel_preinst') },
      ['note dkms-hooks'],
    ],
  ])('%s', (_, files, expected) => {
    expect(problems(judge(files))).toEqual(expected);
  });

  test('a chroot in which Gentoo ends the installation', () => {
    const inside = { chrooted: true };
    expect(problems(judge(TRADITIONAL, {}, inside))).toEqual(['possible chroot-check']);
    expect(problems(judge({ ...TRADITIONAL, '/etc/kernel/cmdline': 'root=/dev/sda1' }, {}, inside))).toEqual(
      [],
    );
    const overridden = { ...TRADITIONAL, '/etc/kernel/preinst.d/05-check-chroot.install': '' };
    expect(problems(judge(overridden, {}, inside))).toEqual([]);
  });

  test('the hooks before ours are listed in their order', () => {
    const files = {
      ...TRADITIONAL,
      '/usr/lib/kernel/preinst.d/4-first': script(''),
      '/usr/lib/kernel/preinst.d/10-off': 'not executable',
      '/usr/lib/kernel/preinst.d/mine': script(''),
    };
    expect(judge(files).earlier.map(({ path }) => path)).toEqual([
      '/usr/lib/kernel/preinst.d/4-first',
      '/usr/lib/kernel/preinst.d/05-check-chroot.install',
    ]);
  });
});

test('the layout of the kernel installation', () => {
  const host = memoryHost({ files: { ...SYSTEMD, '/etc/kernel/install.conf': 'layout="uki"\n' } });
  expect(observeHookWays(host).layout).toEqual({ file: '/etc/kernel/install.conf', value: 'uki' });
});
