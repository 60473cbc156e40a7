// What must not go wrong on the way to a kernel: a full disk, a tree that others write to, a stale build, a /boot that is away.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { TtkmdError } from '../../../src/host/errors.ts';
import { buildKernel } from '../../../src/kernel-build/kernel-build.ts';
import { type KernelBuildOptions, planKernelBuild } from '../../../src/kernel-build/plan.ts';
import type { Files } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { BUILD, BUILT, CONFIGURE, hostOf, MACHINE, ON, OPTIONS, TREE, work, workOn } from './sources.ts';

const CONFIGURED: Files = { ...MACHINE, [`${TREE}/.config`]: ON };

describe('what is seen before anything is done', () => {
  const rows: readonly {
    readonly name: string;
    readonly files: Files;
    readonly options?: Partial<KernelBuildOptions>;
    readonly code: string;
    readonly says: RegExp;
  }[] = [
    {
      name: 'a file deep in the tree that somebody else can write to',
      files: { ...MACHINE, [`${TREE}/scripts/deep/er/tool.sh`]: { text: '', user: 1000 } },
      code: 'untrusted-tree',
      says: /scripts\/deep\/er\/tool\.sh belongs to user 1000.*chown -R root:root/,
    },
    {
      name: 'a folder in it that everybody can write to',
      files: { ...MACHINE, [`${TREE}/drivers`]: { folder: true, mode: 0o777 } },
      code: 'untrusted-tree',
      says: /drivers can be written to by everybody/,
    },
    {
      name: 'stages with one between them left out',
      files: { ...CONFIGURED, ...BUILT },
      options: { stages: ['configure', 'install'] },
      code: 'bad-stages',
      says: /build lies between/,
    },
    {
      name: 'a configuration that is newer than what was built by it',
      files: {
        ...CONFIGURED,
        ...BUILT,
        [`${TREE}/.config`]: { text: ON, modified: Date.UTC(2031, 0) },
      },
      options: { stages: ['install'] },
      code: 'not-built',
      says: /configured anew.*--stage build,install/,
    },
    {
      name: "a dist-kernel's tree, with others to choose from",
      files: {
        ...MACHINE,
        [`${TREE}/dist-kernel`]: 'sys-kernel/gentoo-kernel-6.12.60:6.12.60\n',
        '/usr/src/linux-6.18.2-gentoo/init/main.c': '',
      },
      code: 'portages-tree',
      says: /name other sources: ttkmdctl kernels build linux-6\.18\.2-gentoo/,
    },
    {
      name: 'a /boot that is not mounted',
      files: {
        ...MACHINE,
        '/etc/fstab': '# /boot\n/dev/sda1\t/boot vfat noauto 0 2\n/dev/sda2 / ext4 noatime 0 1\n',
        '/proc/self/mountinfo': '22 1 8:2 / / rw - ext4 /dev/sda2 rw\n',
      },
      code: 'boot-not-mounted',
      says: /\/boot is not mounted.*mount \/boot/,
    },
  ];
  it.each(rows)('$name', ({ files, options, code, says }) => {
    const error = refusalOf(hostOf(files), options);
    expect(error?.code).toBe(code);
    expect(`${error?.message} ${error?.hint}`).toMatch(says);
  });

  it.each([
    ['mounted', '/dev/sda1 /boot vfat noauto 0 2', '23 22 8:1 / /boot rw - vfat /dev/sda1 rw'],
    ['no file system of its own', '/dev/sda2 / ext4 noatime 0 1', '22 1 8:2 / / rw - ext4 /dev/sda2 rw'],
    [
      'an ESP that is not mounted by itself',
      '/dev/sda1 /efi vfat noauto 0 2',
      '22 1 8:2 / / rw - ext4 /x rw',
    ],
  ])('is content with a /boot that is %s', (_, fstab, mounts) => {
    const files = { ...MACHINE, '/etc/fstab': `${fstab}\n`, '/proc/self/mountinfo': `${mounts}\n` };
    expect(refusalOf(hostOf(files))).toBeUndefined();
  });

  it('sees that a packed configuration is cut off', () => {
    const host = hostOf(MACHINE);
    host.fs.write('/root/mine.gz', gzipSync(ON.repeat(50)).subarray(0, 40));
    const error = refusalOf(host, { config: '/root/mine.gz' });
    expect([error?.code, error?.message]).toEqual(['no-config', expect.stringContaining('/root/mine.gz')]);
  });

  it('needs no /boot for what is not installed', () => {
    const files = { ...MACHINE, '/etc/fstab': '/dev/sda1 /boot vfat noauto 0 2\n' };
    expect(refusalOf(hostOf(files), { stages: ['configure', 'build'] })).toBeUndefined();
  });

  it('takes links in a tree for what they are', () => {
    const files = { ...MACHINE, [`${TREE}/scripts/dtc/include-prefixes`]: { link: '../../../arch' } };
    expect(refusalOf(hostOf(files))).toBeUndefined();
  });
});

describe('a full disk', () => {
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };

  it('has no room for the log, and the build goes on', async () => {
    const host = withFs(hostOf(MACHINE), { append: full });
    const { report } = await workOn(host);
    expect(report).toMatchObject({ outcome: 'done', failure: undefined });
  });

  it('is told of as the reason, without a log that is not there', async () => {
    const host = withFs(
      hostOf(MACHINE, ({ line }) =>
        line === BUILD ? { code: 2, stdout: 'cc1: fatal: No space left on device\n' } : undefined,
      ),
      { append: full },
    );
    const { report } = await workOn(host);
    expect(report.failure).toMatchObject({ stage: 'build', headline: 'no space is left', log: undefined });
  });

  const MODULES: Files = {
    [`${TREE}/modules.order`]: 'drivers/a.o\nkernel/fs/b.ko\n',
    [`${TREE}/drivers/a.ko`]: 'x'.repeat(300_000),
    [`${TREE}/fs/b.ko`]: 'x'.repeat(300_000),
  };
  const df = (kibibytes: number) => (call: { line: string }) =>
    call.line.startsWith('df ')
      ? `Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 1 1 ${kibibytes} 1% /\n`
      : undefined;

  it('is seen before the modules that are there are replaced', async () => {
    const files = { ...CONFIGURED, ...BUILT, ...MODULES };
    const host = hostOf(files, df(500));
    const error = await workOn(host, { stages: ['install'] }).catch((thrown: TtkmdError) => thrown);
    expect(error).toMatchObject({
      code: 'no-room',
      message: expect.stringMatching(/\/lib\/modules has 0\.4 MiB left, .* takes 0\.6 MiB/),
    });
    expect(host.exec.calls.filter(({ kind }) => kind === 'run')).toEqual([]);
  });

  it('is not seen where modules become smaller than they are in the tree, or there is room', async () => {
    const files = { ...CONFIGURED, ...BUILT, ...MODULES };
    const packed = { ...files, [`${TREE}/.config`]: `${ON}CONFIG_MODULE_COMPRESS_ZSTD=y\n` };
    const tools = { '/usr/bin/zstd': '' };
    for (const [there, room] of [
      [{ ...packed, ...tools }, 500],
      [files, 5000],
    ] as const) {
      const { report } = await workOn(hostOf(there, df(room)), { stages: ['install'] });
      expect(report.outcome).toBe('done');
    }
  });
});

describe('an interrupt', () => {
  it('ends it where it is, and nothing that follows is begun', async () => {
    const controller = new AbortController();
    const host = hostOf(MACHINE);
    const opened: string[] = [];
    const report = await buildKernel(host, planKernelBuild(host, OPTIONS), OPTIONS, {
      signal: controller.signal,
      onEvent({ type, ...event }) {
        if (type === 'step-started' && 'step' in event && event.step === 'install') controller.abort();
      },
      onNote() {},
      async runOpenly(argv) {
        opened.push(argv.join(' '));
        return { code: 130, signal: undefined, timedOut: false, cancelled: true };
      },
    });
    expect(report).toMatchObject({
      outcome: 'cancelled',
      failure: { stage: 'install', headline: 'stopped', hint: expect.stringContaining('goes on') },
    });
    expect(opened).toEqual([]);
  });
});

describe('an installkernel that refuses', () => {
  const rows: readonly [lines: readonly string[], headline: RegExp, hint: RegExp][] = [
    [
      [
        'WARNING: kernel-install is run from inside a chroot but',
        'no cmdline was configured. This would cause the bootloader',
        'make: *** [Makefile:9: install] Error 1',
      ],
      /in a chroot/,
      /\/etc\/kernel\/cmdline.*--stage install/,
    ],
    [
      [
        ' * Not enough disk space. Need at least 31000 KiB, found 900 KiB.',
        'make: *** [Makefile:9: install] Error 1',
      ],
      /31000 KiB.*900 KiB/,
      /df -h \/boot.*--stage install/,
    ],
    [
      [
        ' * ttkmd: tenstorrent 2.9.0 for 6.12.60-gentoo ... FAILED: y is gone   [ !! ]',
        " * ttkmd: the kernel's installation fails with it: hook.on_failure is fail (/etc/ttkmd/ttkmd.conf:3)   [ !! ]",
        'make: *** [Makefile:9: install] Error 1',
      ],
      /driver did not build, and hook\.on_failure is fail \(\/etc\/ttkmd\/ttkmd\.conf:3\)/,
      /ttkmdctl logs/,
    ],
  ];
  it.each(rows)('%s', async (lines, headline, hint) => {
    const { report } = await work(MACHINE, {}, undefined, { code: 2, lines });
    expect(report.failure?.stage).toBe('install');
    expect(report.failure?.headline).toMatch(headline);
    expect(report.failure?.hint).toMatch(hint);
  });
});

describe('between the stages', () => {
  it('sees what make has made of the configuration, and which tools that takes', async () => {
    const host = hostOf(MACHINE, ({ line }) => {
      if (line === CONFIGURE) host.fs.write(`${TREE}/.config`, `${ON}CONFIG_UNWINDER_ORC=y\n`);
      return undefined;
    });
    const error = await workOn(host).catch((thrown: TtkmdError) => thrown);
    expect(error).toMatchObject({ code: 'tools-missing', message: expect.stringContaining('gelf.h') });
    expect(host.exec.calls.filter(({ kind }) => kind === 'run').map(({ line }) => line)).toEqual([CONFIGURE]);
  });

  it('installs nothing that was built under another name', async () => {
    const files = {
      ...CONFIGURED,
      ...BUILT,
      [`${TREE}/include/generated/utsrelease.h`]: '#define UTS_RELEASE "6.12.60-gentoo-other"\n',
    };
    const host = hostOf(files);
    const error = await workOn(host, { stages: ['install'] }).catch((thrown: TtkmdError) => thrown);
    expect(error).toMatchObject({
      code: 'not-built',
      message: expect.stringContaining('6.12.60-gentoo-other'),
      hint: expect.stringContaining('--stage build,install'),
    });
    expect(host.exec.calls.filter(({ kind }) => kind === 'run')).toEqual([]);
  });

  it('says that an installed kernel of that name is replaced, the running one above all', async () => {
    const own = (release: string): Files => ({
      [`/lib/modules/${release}/modules.order`]: '',
      [`/lib/modules/${release}/build`]: { link: TREE },
    });
    const { notes } = await work({ ...MACHINE, ...own('6.12.60-gentoo') });
    expect(notes).toEqual([expect.stringMatching(/replaces 6\.12\.60-gentoo/)]);
    expect((await work(MACHINE)).notes).toEqual([]);
  });
});

function refusalOf(host: MemoryHost, options: Partial<KernelBuildOptions> = {}): TtkmdError | undefined {
  try {
    planKernelBuild(host, { ...OPTIONS, ...options });
    return undefined;
  } catch (thrown) {
    return thrown as TtkmdError;
  }
}

function withFs(host: MemoryHost, changed: Partial<MemoryHost['fs']>): MemoryHost {
  return { ...host, fs: { ...host.fs, ...changed } };
}
