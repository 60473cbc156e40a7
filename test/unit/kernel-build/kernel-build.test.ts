// Sources go through the stages that are asked for, and what stands in the way is told before anything is done.
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { TtkmdError } from '../../../src/host/errors.ts';
import { diagnoseKernelBuild } from '../../../src/kernel-build/diagnose.ts';
import { buildKernel } from '../../../src/kernel-build/kernel-build.ts';
import { KERNEL_LOGS } from '../../../src/kernel-build/log.ts';
import { type KernelBuildOptions, planKernelBuild } from '../../../src/kernel-build/plan.ts';
import { describeStage } from '../../../src/kernel-build/stages.ts';
import { buildTree, type Files, modulesFolder } from '../support/machines.ts';
import {
  BUILD,
  BUILT,
  COMMANDS,
  CONFIGURE,
  hostOf,
  INSTALL,
  KEPT,
  MACHINE,
  OFF,
  ON,
  OPTIONS,
  RELEASE,
  RUNNING,
  TOOLS,
  TREE,
  work,
} from './sources.ts';

function shown(files: Files, options: Partial<KernelBuildOptions> = {}): string[] {
  return planKernelBuild(hostOf(files), { ...OPTIONS, ...options }).stages.flatMap(describeStage);
}

describe('the plan', () => {
  const rows: readonly {
    readonly name: string;
    readonly files: Files;
    readonly options?: Partial<KernelBuildOptions>;
    readonly commands: readonly string[];
    readonly notes: readonly string[];
  }[] = [
    {
      name: "the running kernel's configuration in /boot",
      files: MACHINE,
      commands: COMMANDS,
      notes: [`begins with /boot/config-${RUNNING}`, 'installkernel'],
    },
    {
      name: 'the running kernel tells its configuration itself',
      files: { ...MACHINE, '/proc/config.gz': ON },
      commands: COMMANDS,
      notes: ['begins with /proc/config.gz', 'installkernel'],
    },
    {
      name: 'an option that is off is turned on',
      files: { ...MACHINE, [`/boot/config-${RUNNING}`]: OFF },
      commands: COMMANDS,
      notes: ['begins with', 'sets CONFIG_HWMON=y', 'installkernel'],
    },
    {
      name: "the tree's own configuration counts before the running kernel's, and stays as it is",
      files: { ...MACHINE, [`${TREE}/.config`]: ON },
      commands: COMMANDS,
      notes: [`begins with its own configuration ${TREE}/.config`, 'installkernel'],
    },
    {
      name: "the tree's own configuration is kept beside where it is changed",
      files: { ...MACHINE, [`${TREE}/.config`]: OFF },
      commands: [`cp -p ${TREE}/.config ${KEPT}`, ...COMMANDS],
      notes: ['its own configuration', 'sets CONFIG_HWMON=y', `as ${KEPT}`, 'installkernel'],
    },
    {
      name: 'a given configuration, where the tree has another',
      files: { ...MACHINE, [`${TREE}/.config`]: OFF, '/root/mine': ON },
      options: { config: '/root/mine' },
      commands: [`cp -p ${TREE}/.config ${KEPT}`, ...COMMANDS],
      notes: ['begins with /root/mine', `as ${KEPT}`, 'installkernel'],
    },
    {
      name: 'one stage alone',
      files: { ...MACHINE, [`${TREE}/.config`]: ON },
      options: { stages: ['build'], load: '4' },
      commands: [`${BUILD} -l4`],
      notes: [],
    },
    {
      name: 'the last stage alone',
      files: { ...MACHINE, ...BUILT, [`${TREE}/.config`]: ON },
      options: { stages: ['install'] },
      commands: INSTALL,
      notes: ['installkernel'],
    },
    {
      name: 'what clang has built is built by clang again',
      files: {
        ...MACHINE,
        [`${TREE}/.config`]: `${ON}CONFIG_CC_IS_CLANG=y\n`,
        '/usr/bin/clang': '',
        '/usr/bin/ld.lld': '',
      },
      options: { stages: ['build'] },
      commands: [`make -C ${TREE} LLVM=1 -j3`],
      notes: [],
    },
    {
      name: 'a tree by its name, and without a link to one',
      files: { ...MACHINE, '/usr/src/linux': '(none)' },
      options: { tree: 'linux-6.12.60-gentoo', stages: ['configure'] },
      commands: [CONFIGURE],
      notes: ['begins with'],
    },
    {
      name: 'without a link and a name, the newest',
      files: { ...MACHINE, '/usr/src/linux': '(none)', '/usr/src/linux-6.6.1/init/main.c': '' },
      options: { stages: ['configure'] },
      commands: [CONFIGURE],
      notes: ['begins with'],
    },
  ];
  it.each(rows)('$name', ({ files, options, commands, notes }) => {
    const lines = shown(files, options);
    expect(lines.filter((line) => !line.startsWith('# '))).toEqual(commands);
    const found = lines.filter((line) => line.startsWith('# '));
    expect(found).toHaveLength(notes.length);
    for (const [index, note] of notes.entries()) expect(found[index]).toContain(note);
  });

  it('reads a packed configuration', () => {
    const host = hostOf({ ...MACHINE, [`/boot/config-${RUNNING}`]: '(none)' });
    host.fs.write('/proc/config.gz', gzipSync(OFF));
    const [stage] = planKernelBuild(host, { ...OPTIONS, stages: ['configure'] }).stages;
    expect(stage?.write?.text).toBe(ON);
  });
});

describe('what stands in the way', () => {
  const rows: readonly {
    readonly name: string;
    readonly files: Files;
    readonly options?: Partial<KernelBuildOptions>;
    readonly code: string;
    readonly says: RegExp;
  }[] = [
    { name: 'no sources', files: TOOLS, code: 'no-tree', says: /\/usr\/src\/linux.*gentoo-sources/ },
    {
      name: 'headers alone',
      files: { ...MACHINE, [`${TREE}/init/main.c`]: '(none)' },
      code: 'no-tree',
      says: /init\/main\.c is missing/,
    },
    {
      name: "a dist-kernel's tree",
      files: { ...MACHINE, [`${TREE}/dist-kernel`]: 'sys-kernel/gentoo-kernel-6.12.60:6.12.60\n' },
      code: 'portages-tree',
      says: /emerge =sys-kernel\/gentoo-kernel-6\.12\.60/,
    },
    {
      name: "somebody else's tree",
      files: { ...MACHINE, [TREE]: { folder: true, user: 1000 } },
      code: 'untrusted-tree',
      says: /belongs to user 1000.*chown -R root:root/,
    },
    {
      name: 'no configuration',
      files: { ...MACHINE, [`/boot/config-${RUNNING}`]: '(none)' },
      code: 'no-config',
      says: /\.config is missing.*config\.gz.*--config FILE/,
    },
    {
      name: 'what is no configuration',
      files: { ...MACHINE, '/root/mine': 'hello\n' },
      options: { config: '/root/mine' },
      code: 'no-config',
      says: /\/root\/mine/,
    },
    {
      name: 'tools, all at once, by their packages on Gentoo',
      files: {
        ...MACHINE,
        '/usr/sbin/bc': '(none)',
        '/usr/sbin/flex': '(none)',
        '/usr/bin/emerge': '',
        [`/boot/config-${RUNNING}`]: `${ON}CONFIG_UNWINDER_ORC=y\nCONFIG_MODULE_SIG=y\nCONFIG_KERNEL_ZSTD=y\n`,
      },
      code: 'tools-missing',
      says: /flex, bc, zstd, openssl, the headers of libelf.*emerge --oneshot --noreplace sys-devel\/flex sys-devel\/bc app-arch\/zstd dev-libs\/openssl virtual\/libelf$/,
    },
    {
      name: "tools on Debian, which keeps OpenSSL's headers by architecture",
      files: {
        ...MACHINE,
        '/usr/sbin/bison': '(none)',
        '/usr/bin/apt-get': '',
        '/usr/include/x86_64-linux-gnu/openssl/opensslv.h': '',
        [`/boot/config-${RUNNING}`]: `${ON}CONFIG_UNWINDER_ORC=y\nCONFIG_SYSTEM_TRUSTED_KEYRING=y\n`,
      },
      code: 'tools-missing',
      says: /apt-get install bison libelf-dev$/,
    },
    {
      name: 'no installkernel',
      files: { ...MACHINE, '/usr/sbin/installkernel': '(none)', '/usr/bin/emerge': '' },
      code: 'tools-missing',
      says: /sys-kernel\/installkernel/,
    },
    {
      name: 'a configuration that is left to the admin, and is not there',
      files: MACHINE,
      options: { stages: ['build'] },
      code: 'not-configured',
      says: /--stage configure/,
    },
    {
      name: 'a configuration that is left to the admin, and lacks an option',
      files: { ...MACHINE, [`${TREE}/.config`]: OFF },
      options: { stages: ['build', 'install'] },
      code: 'options-off',
      says: /CONFIG_HWMON.*--stage configure/,
    },
    {
      name: 'a build that is left to the admin, and was not made',
      files: { ...MACHINE, [`${TREE}/.config`]: ON },
      options: { stages: ['install'] },
      code: 'not-built',
      says: /--stage build/,
    },
    {
      name: 'a configuration for a stage that is left out',
      files: { ...MACHINE, [`${TREE}/.config`]: ON },
      options: { stages: ['build'], config: '/root/mine' },
      code: 'bad-stages',
      says: /configure/,
    },
  ];
  it.each(rows)('$name', ({ files, options, code, says }) => {
    const host = hostOf(files);
    let error: TtkmdError | undefined;
    try {
      planKernelBuild(host, { ...OPTIONS, ...options });
    } catch (thrown) {
      error = thrown as TtkmdError;
    }
    expect(error?.code).toBe(code);
    expect(`${error?.message} ${error?.hint}`).toMatch(says);
    expect(host.exec.calls).toEqual([]);
  });
});

describe('the work', () => {
  it('configures, builds and installs, the last by what must see the whole machine', async () => {
    const { host, report, ran, opened, events } = await work({ ...MACHINE, [`${TREE}/.config`]: OFF });
    expect(report).toEqual({ outcome: 'done', release: RELEASE, failure: undefined });
    expect(ran).toEqual([CONFIGURE, BUILD, INSTALL[0]]);
    expect(opened).toEqual([INSTALL[1]]);
    expect(host.fs.readText(`${TREE}/.config`)).toBe(ON);
    expect(host.fs.readText(KEPT)).toBe(OFF);
    expect(host.fs.readText(`${KERNEL_LOGS}/linux-6.12.60-gentoo.build.log`)).toBe(`$ ${BUILD}\n`);
    expect(events.filter(({ type }) => type === 'step-ended')).toHaveLength(4);
  });

  it('stops at what fails, with the first reason in its log', async () => {
    const lines = 'a\nkernel/x.c:1:2: error: y is gone\nmake: *** [Makefile:1: z] Error 2\n';
    const { report, opened } = await work(MACHINE, {}, ({ line }) =>
      line === BUILD ? { code: 2, stdout: lines } : undefined,
    );
    expect(report).toMatchObject({
      outcome: 'failed',
      release: RELEASE,
      failure: { stage: 'build', headline: 'y is gone', log: expect.stringContaining('.build.log') },
    });
    expect(opened).toEqual([]);
  });

  it('tells that installkernel failed', async () => {
    const { report } = await work(MACHINE, {}, undefined, { code: 1, lines: ['dracut: no'] });
    expect(report).toMatchObject({ outcome: 'failed', failure: { stage: 'install' } });
  });

  it('tells of an option that make has turned off again', async () => {
    const host = hostOf(MACHINE, ({ line }) => {
      if (line === CONFIGURE) host.fs.write(`${TREE}/.config`, OFF);
      return undefined;
    });
    const plan = planKernelBuild(host, OPTIONS);
    const never = async () => ({ code: 0, signal: undefined, timedOut: false, cancelled: false });
    await expect(
      buildKernel(host, plan, OPTIONS, {
        signal: new AbortController().signal,
        onEvent() {},
        onNote() {},
        runOpenly: never,
      }),
    ).rejects.toThrow(/CONFIG_HWMON/);
  });

  const folder = (tree: string): Files => ({
    ...modulesFolder(RELEASE),
    [`/lib/modules/${RELEASE}/build`]: { link: tree },
  });
  it.each([
    ['a dist-kernel', { kind: 'dist-kernel', package: 'sys-kernel/gentoo-kernel-6.12.60:6.12.60' }, true],
    ['a package', { kind: 'distribution', package: `linux-image-${RELEASE}` }, true],
    ['a hand', { kind: 'hand-built' }, false],
  ])(
    'tells whose modules it would overwrite where the build tree of %s is gone',
    async (_, origin, isOthers) => {
      const remembered = JSON.stringify({ schema: 1, origins: { [RELEASE]: origin } });
      const files = { ...MACHINE, ...modulesFolder(RELEASE), '/var/lib/ttkmd/state.json': remembered };
      if (isOthers) await expect(work(files)).rejects.toThrow(/installed already \(from a package\)/);
      else expect((await work(files)).report.outcome).toBe('done');
    },
  );

  it("overwrites no other kernel's modules, of the same release", async () => {
    const files = { ...MACHINE, ...folder('/usr/src/other'), ...buildTree('/usr/src/other', RELEASE) };
    await expect(work(files)).rejects.toThrow(/installed already/);
  });

  it('installs its own once more', async () => {
    expect((await work({ ...MACHINE, ...folder(TREE) })).report.outcome).toBe('done');
  });
});

describe('why a kernel did not build', () => {
  const rows: readonly [line: string, headline: RegExp, hint: RegExp][] = [
    ['/bin/sh: 1: bc: not found', /^bc is missing/, /sys-devel\/bc.*bc/],
    ['make: flex: No such file or directory', /^flex is missing/, /sys-devel\/flex/],
    ['x.h:3:10: fatal error: gelf.h: No such file or directory', /gelf\.h is missing/, /libelf-dev/],
    ['x.c:3:10: fatal error: openssl/bio.h: No such file or directory', /openssl\/bio\.h/, /libssl-dev/],
    [
      "make[3]: *** No rule to make target 'debian/certs/x.pem', needed by 'certs/x'.  Stop.",
      /debian\/certs\/x\.pem is missing/,
      /TRUSTED_KEYS/,
    ],
    [
      "***  The source tree is not clean, please run 'make ARCH=x86_64 mrproper'",
      /earlier build/,
      /make mrproper/,
    ],
    ['cc1: fatal: No space left on device', /no space/, /make room/],
    ['gcc: fatal error: Killed signal terminated program cc1', /memory/, /--jobs 1/],
    ['ERROR: modpost: "x" [y.ko] undefined!', /"x" \[y\.ko] undefined/, /log/],
    ['make[1]: *** [Makefile:5: x] Error 1', /\[Makefile:5: x] Error 1/, /log/],
  ];
  it.each(rows)('%s', (line, headline, hint) => {
    const found = diagnoseKernelBuild(['  CC x.o', line, 'make: *** [Makefile:9: all] Error 2']);
    expect(found?.headline).toMatch(headline);
    expect(found?.hint).toMatch(hint);
  });
});
