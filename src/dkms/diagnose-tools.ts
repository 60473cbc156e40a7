// Programs that a build needs, and the packages that bring them.

import type { DiagnosedKernel, Diagnosis } from './diagnose.ts';
import { installPackage } from './diagnose-kernel.ts';

/** By program: Gentoo's package, Debian's package. */
const PACKAGES: Readonly<Record<string, readonly [gentoo: string, debian: string]>> = {
  dkms: ['sys-kernel/dkms', 'dkms'],
  make: ['dev-build/make', 'make'],
  patch: ['sys-devel/patch', 'patch'],
  ld: ['sys-devel/binutils', 'binutils'],
  as: ['sys-devel/binutils', 'binutils'],
  ar: ['sys-devel/binutils', 'binutils'],
  nm: ['sys-devel/binutils', 'binutils'],
  objcopy: ['sys-devel/binutils', 'binutils'],
  strip: ['sys-devel/binutils', 'binutils'],
  'ld.lld': ['llvm-core/lld', 'lld'],
  'llvm-strip': ['llvm-core/llvm', 'llvm'],
  'llvm-objcopy': ['llvm-core/llvm', 'llvm'],
  pahole: ['dev-util/pahole', 'pahole'],
  zstd: ['app-arch/zstd', 'zstd'],
  xz: ['app-arch/xz-utils', 'xz-utils'],
  gzip: ['app-arch/gzip', 'gzip'],
  depmod: ['sys-apps/kmod', 'kmod'],
  modinfo: ['sys-apps/kmod', 'kmod'],
  openssl: ['dev-libs/openssl', 'openssl'],
  perl: ['dev-lang/perl', 'perl'],
  python3: ['dev-lang/python', 'python3'],
  bc: ['sys-devel/bc', 'bc'],
  bison: ['sys-devel/bison', 'bison'],
  flex: ['sys-devel/flex', 'flex'],
  gcc: ['sys-devel/gcc', 'gcc'],
  clang: ['llvm-core/clang', 'clang'],
  bzip2: ['app-arch/bzip2', 'bzip2'],
  cpio: ['app-alternatives/cpio', 'cpio'],
  lz4: ['app-arch/lz4', 'lz4'],
  lzop: ['app-arch/lzop', 'lzop'],
};

/** The packages that bring a program, Gentoo's and Debian's; undefined where nobody wrote that down. */
export function packagesOf(program: string): readonly [gentoo: string, debian: string] | undefined {
  return PACKAGES[program];
}

const COMPILER = /^(?:[\w-]+-)?(?:gcc|g\+\+|cc|clang)(?:-[\d.]+)?$/;

/** Parts of the compiler that it runs by itself. */
const COMPILER_PARTS = new Set(['cc1', 'cc1plus', 'collect2', 'lto1']);

/** Whether a name is a program of the machine and not a file of the kernel's build tree. */
export function isHostTool(name: string): boolean {
  return !name.includes('/') || /^\/(?:usr\/)?(?:local\/)?s?bin\//.test(name);
}

/** A program is missing: it may come at any time, so the next trigger tries again. */
export function missingTool(kernel: DiagnosedKernel, path: string): Diagnosis {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (COMPILER.test(name) || COMPILER_PARTS.has(name)) return missingCompiler(kernel, name);
  const known = PACKAGES[name];
  return {
    code: 'tool-missing',
    headline: `${name} is missing`,
    cause: 'the build needs this program',
    hint: known === undefined ? `install the package that has ${name}` : installPackage(kernel, ...known),
    transient: true,
  };
}

function missingCompiler(kernel: DiagnosedKernel, name: string): Diagnosis {
  const builtWith = kernel.configuration('CONFIG_CC_VERSION_TEXT');
  const isClang = /clang/.test(name) || /clang/.test(builtWith ?? '');
  const debian = COMPILER_PARTS.has(name) ? 'gcc' : name.replace(/^.*?(?=(?:gcc|g\+\+|clang)(?:-|$))/, '');
  return {
    code: 'compiler-missing',
    headline: `the compiler ${name} is missing`,
    cause: builtWith === undefined ? 'the build needs it' : `this kernel was built with ${builtWith}`,
    hint: installPackage(kernel, isClang ? 'llvm-core/clang' : 'sys-devel/gcc', debian),
    transient: true,
  };
}
