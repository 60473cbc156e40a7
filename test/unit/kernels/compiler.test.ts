// Which compiler builds for a kernel.
import { describe, expect, it } from 'vitest';
import { type BuiltKernel, findCompiler, parseCompiler } from '../../../src/kernels/compiler.ts';
import { memoryHost } from '../support/memory-host.ts';

const DEBIAN = 'gcc (Debian 12.2.0-14+deb12u1) 12.2.0';
const GENTOO = 'x86_64-pc-linux-gnu-gcc (Gentoo 14.3.0 p8) 14.3.0';

describe('parseCompiler', () => {
  it.each<[string, string | undefined, string | undefined]>([
    [DEBIAN, 'gcc', '12.2.0'],
    ['gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0', 'gcc-12', '12.2.0'],
    ['gcc (GCC) 15.1.1 20250521', 'gcc', '15.1.1'],
    ['gcc (Gentoo Hardened 13.3.1_p20241220 p2) 13.3.1 20241220', 'gcc', '13.3.1'],
    [GENTOO, 'x86_64-pc-linux-gnu-gcc', '14.3.0'],
    ['clang version 18.1.8', 'clang', '18.1.8'],
    ['Debian clang version 14.0.6', 'clang', '14.0.6'],
    ['clang version 19.1.7+libcxx', 'clang', '19.1.7'],
    ['icc (ICC) 2021.9', undefined, undefined],
    ['', undefined, undefined],
  ])('%j', (text, program, version) => {
    expect([parseCompiler(text)?.program, parseCompiler(text)?.version]).toEqual([program, version]);
  });

  it('knows one compiler by any of its names', () => {
    const other = parseCompiler('gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0');
    expect(other?.identity).toBe(parseCompiler(DEBIAN)?.identity);
  });
});

/** What a machine has installed: the first line of `--version` by command. */
type Installed = Readonly<Record<string, string>>;

function find(kernel: Partial<BuiltKernel> & { compiler: string | undefined }, installed: Installed) {
  const programs = Object.keys(installed).filter((command) => command.startsWith('/'));
  const host = memoryHost({
    files: Object.fromEntries(programs.map((path) => [path, 'ELF'])),
    exec: ({ command }) => {
      const text = installed[command];
      return text === undefined ? { code: 127 } : `${text}\nCopyright\n`;
    },
  });
  const whole = { release: '6.12.1', hasPlugins: false, package: undefined, ...kernel };
  return findCompiler(host, whole, 'x86_64');
}

const CLANG18 = 'clang version 18.1.8';
const GCC13 = 'gcc (Gentoo 13.3.1_p20241220 p2) 13.3.1 20241220';

describe('the compiler for a kernel', () => {
  it.each<[string, Parameters<typeof find>, object]>([
    ['that does not tell its own', [{ compiler: undefined }, { gcc: DEBIAN }], { variables: [] }],
    [
      'is taken by itself where it is gcc',
      [{ compiler: DEBIAN }, { gcc: DEBIAN }],
      { variables: [], warning: undefined },
    ],
    [
      'is chosen where another is gcc',
      [{ compiler: GENTOO }, { gcc: GCC13, 'gcc-14': 'gcc-14 (Gentoo 14.3.0 p8) 14.3.0' }],
      { variables: ['CC=gcc-14'], warning: undefined },
    ],
    [
      'is found by the name that Gentoo gives it',
      [{ compiler: 'gcc (Gentoo 14.3.0 p8) 14.3.0' }, { gcc: GCC13, 'x86_64-pc-linux-gnu-gcc-14': GENTOO }],
      { variables: ['CC=x86_64-pc-linux-gnu-gcc-14'] },
    ],
    [
      'of the same major version is good enough',
      [{ compiler: GENTOO }, { gcc: 'gcc (Gentoo 14.2.1_p20241221 p7) 14.2.1 20241221' }],
      { variables: [], warning: undefined },
    ],
    [
      'of another major version builds with a warning that names both',
      [{ compiler: GENTOO }, { gcc: GCC13 }],
      { variables: [], warning: expect.stringMatching(/gcc 13\.3\.1, .* gcc 14\.3\.0/) },
    ],
    [
      'is the usual one where none of several is near',
      [{ compiler: 'gcc-9 (GCC) 9.5.0' }, { gcc: GCC13, 'gcc-9': 'gcc-9 (GCC) 8.1.0' }],
      { variables: [], warning: expect.stringContaining('gcc 13.3.1') },
    ],
    [
      'is clang in a folder of its version',
      [{ compiler: CLANG18 }, { '/usr/lib/llvm/18/bin/clang': CLANG18, clang: 'clang version 20.1.0' }],
      { variables: ['LLVM=1'], path: '/usr/lib/llvm/18/bin', warning: undefined },
    ],
    [
      '… or where Debian has it',
      [{ compiler: CLANG18 }, { '/usr/lib/llvm-18/bin/clang': CLANG18 }],
      { path: '/usr/lib/llvm-18/bin' },
    ],
    [
      'is clang, and gcc is no way out',
      [{ compiler: CLANG18 }, { gcc: GCC13 }],
      { code: 'compiler-missing', hint: expect.stringContaining('clang-18') },
    ],
    [
      'is not there at all',
      [{ compiler: GENTOO, package: 'sys-kernel/gentoo-kernel-6.12.1' }, {}],
      { code: 'compiler-missing', hint: 'emerge sys-devel/gcc:14' },
    ],
    [
      'with plugins is the very one',
      [{ compiler: GENTOO, hasPlugins: true }, { gcc: GENTOO }],
      { variables: [] },
    ],
    [
      'with plugins is no other one of the same version',
      [
        { compiler: GENTOO, hasPlugins: true, package: 'sys-kernel/gentoo-kernel-6.12.1' },
        { gcc: 'gcc (Gentoo 14.3.0 p9) 14.3.0' },
      ],
      {
        code: 'compiler-mismatch',
        hint: expect.stringContaining('emerge --oneshot =sys-kernel/gentoo-kernel-6.12.1'),
      },
    ],
    ['with plugins and none', [{ compiler: GENTOO, hasPlugins: true }, {}], { code: 'compiler-missing' }],
    [
      'with plugins, by clang, needs no gcc',
      [{ compiler: CLANG18, hasPlugins: true }, { clang: CLANG18 }],
      { variables: ['LLVM=1'] },
    ],
  ])('%s', async (_, machine, expected) => {
    expect(await find(...machine)).toMatchObject(expected);
  });
});
