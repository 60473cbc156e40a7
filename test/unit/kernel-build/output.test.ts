// Who keeps sources clean has make leave everything in another folder.
import { describe, expect, it } from 'vitest';
import type { TtkmdError } from '../../../src/host/errors.ts';
import { type KernelBuildOptions, planKernelBuild } from '../../../src/kernel-build/plan.ts';
import type { Files } from '../support/machines.ts';
import { hostOf, MACHINE, ON, OPTIONS, RELEASE, RUNNING, TREE, workOn } from './sources.ts';

const OUT = '/var/tmp/linux';
const OUTPUT: Partial<KernelBuildOptions> = { output: OUT };
const COMMANDS = ['olddefconfig', '-j3', 'modules_install', 'install'].map(
  (what) => `make -C ${TREE} O=${OUT} ${what}`,
);

describe('a folder of its own for what is built', () => {
  it('has the configuration, and make is told of it each time', async () => {
    const host = hostOf({ ...MACHINE, [OUT]: { folder: true } }, ({ line }) => {
      if (line.endsWith('kernel.release')) {
        expect(line).toBe(`make -s -C ${TREE} O=${OUT} include/config/kernel.release`);
        host.fs.write(`${OUT}/include/config/kernel.release`, `${RELEASE}\n`);
      }
      return undefined;
    });
    const { report, ran, opened } = await workOn(host, OUTPUT);
    expect(report).toMatchObject({ outcome: 'done', release: RELEASE });
    expect([...ran, ...opened]).toEqual(COMMANDS);
    expect(host.fs.readText(`${OUT}/.config`)).toBe(ON);
    expect(host.fs.exists(`${TREE}/.config`)).toBe(false);
  });

  it('is made where it is not there', async () => {
    const host = hostOf(MACHINE, ({ line }) => {
      if (line.endsWith('kernel.release')) {
        host.fs.write(`${OUT}/include/config/kernel.release`, `${RELEASE}\n`);
      }
      return undefined;
    });
    expect((await workOn(host, { ...OUTPUT, stages: ['configure'] })).report.outcome).toBe('done');
    expect(host.fs.stat(OUT)?.kind).toBe('folder');
  });

  const rows: readonly {
    readonly name: string;
    readonly files: Files;
    readonly options: Partial<KernelBuildOptions>;
    readonly code: string;
    readonly says: RegExp;
  }[] = [
    {
      name: 'sources that an earlier build has left things in',
      files: { ...MACHINE, [`${TREE}/.config`]: ON },
      options: OUTPUT,
      code: 'tree-not-clean',
      says: /not clean.*cp .*linux-6\.12\.60-gentoo\/\.config .*make -C .* mrproper; .*--config \/var\/tmp\/linux\.config$/,
    },
    {
      name: 'a folder that somebody else can write to',
      files: { ...MACHINE, [OUT]: { folder: true, user: 1000 } },
      options: OUTPUT,
      code: 'untrusted-tree',
      says: /\/var\/tmp\/linux belongs to user 1000/,
    },
    {
      name: 'such a folder in the place of the sources',
      files: { ...MACHINE, [`${OUT}/Makefile`]: '', [`${OUT}/source`]: { link: TREE } },
      options: { tree: OUT },
      code: 'no-tree',
      says: /ttkmdctl kernels build \/usr\/src\/linux-6\.12\.60-gentoo --output \/var\/tmp\/linux/,
    },
    {
      name: 'nothing built in it',
      files: { ...MACHINE, [`${OUT}/.config`]: ON },
      options: { ...OUTPUT, stages: ['install'] },
      code: 'not-built',
      says: /\/var\/tmp\/linux is not built/,
    },
  ];
  it.each(rows)('$name', ({ files, options, code, says }) => {
    let error: TtkmdError | undefined;
    try {
      planKernelBuild(hostOf(files), { ...OPTIONS, ...options });
    } catch (thrown) {
      error = thrown as TtkmdError;
    }
    expect(error?.code).toBe(code);
    expect(`${error?.message} ${error?.hint}`).toMatch(says);
  });

  it('is no other kernel of the same name', async () => {
    const own: Files = {
      [`/lib/modules/${RELEASE}/modules.order`]: '',
      [`/lib/modules/${RELEASE}/build`]: { link: OUT },
      [`${OUT}/Makefile`]: '',
    };
    const host = hostOf({ ...MACHINE, ...own, [`/boot/config-${RUNNING}`]: ON }, ({ line }) => {
      if (line.endsWith('kernel.release')) {
        host.fs.write(`${OUT}/include/config/kernel.release`, `${RELEASE}\n`);
      }
      return undefined;
    });
    expect((await workOn(host, OUTPUT)).report.outcome).toBe('done');
  });
});
