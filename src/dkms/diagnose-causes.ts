// Each kind of failure that the log shows, in words.

import type { DiagnosedKernel, Diagnosis, FailedBuild } from './diagnose.ts';
import { installPackage, neededOptions, newerDriver, renewTree, turnOn } from './diagnose-kernel.ts';
import { CLUE_NAMES, type Clue, type ClueName, type Findings } from './diagnose-scan.ts';
import { isInBuildFolder, tidyLine } from './diagnose-text.ts';
import { isHostTool, missingTool } from './diagnose-tools.ts';

/** Gives undefined where the clue turns out to be none, and the next one counts. */
type Explain = (
  clue: Clue,
  build: FailedBuild,
  findings: Findings,
) => Omit<Diagnosis, 'code'> | Diagnosis | undefined;

/** The first clue that counts, explained; undefined where nothing in the log is known. */
export function explain(build: FailedBuild, findings: Findings): Diagnosis | undefined {
  for (const name of CLUE_NAMES) {
    const clue = findings.clues.get(name);
    const found = clue && EXPLANATIONS[name]?.(clue, build, findings);
    if (found !== undefined) return { code: name, ...found };
  }
  return undefined;
}

const EXPLANATIONS: Readonly<Partial<Record<ClueName, Explain>>> = {
  'no-space'(clue, build) {
    const folder = /['‘](\/[^'’]*)\/[^/'’]*['’]: /.exec(clue.line)?.[1];
    const [headline, places] =
      folder === undefined
        ? ['no space left on the device', '/var/lib/dkms /lib/modules /var/lib/ttkmd /tmp']
        : [`no space left on the file system of ${folder} (ENOSPC)`, folder];
    const hint = `make room (df -h ${places}), then as root: ${again(build)}`;
    return { headline, cause: tidyLine(clue.line), hint, transient: true };
  },

  'read-only': (clue, build) => ({
    headline: 'a file system is mounted read-only',
    cause: tidyLine(clue.line),
    hint: `mount it for writing (dmesg says if an error made it so), then as root: ${again(build)}`,
    transient: true,
  }),

  'out-of-memory': (clue) => ({
    headline: 'the machine ran out of memory while building',
    cause: tidyLine(clue.line),
    hint: 'free memory, or set fewer jobs: jobs = 1 below [build] in /etc/ttkmd/ttkmd.conf',
    transient: true,
  }),

  interrupted: (clue, build) => ({
    headline: 'the build was interrupted',
    cause: tidyLine(clue.line),
    hint: `start it again, as root: ${again(build)}`,
    transient: true,
  }),

  unsupported: (_clue, { kernel }) => unsupported(kernel),

  overlap: (clue, build) =>
    overlap(
      build,
      clue.caught[0] ? `make.log is that of a build for ${clue.caught[0]}` : tidyLine(clue.line),
    ),

  'permission-denied': (clue, build) => ({
    headline: tidyLine(clue.line),
    cause: 'root itself was refused, by the mode of a file, a mount option or a security module',
    hint: `look for denials with dmesg, then as root: ${again(build)}`,
    transient: true,
  }),

  'library-missing': (clue, { kernel }) => ({
    headline: `the library ${clue.caught[0]} is missing`,
    cause: "a program of the kernel's build tree needs it",
    hint: /^libelf/.test(clue.caught[0] ?? '')
      ? installPackage(kernel, 'dev-libs/elfutils', 'libelf1')
      : `install the package that has ${clue.caught[0]}, or renew the build tree: ${renewTree(kernel)}`,
    transient: true,
  }),

  'tool-missing'(clue, build, { clues }) {
    // Scripts ask for programs that they can do without; what the compiler saw for itself says more.
    if (clues.has('compile-error') || clues.has('missing-symbol')) return undefined;
    const name = clue.caught.find((text) => text !== '') ?? '';
    if (isHostTool(name)) return missingTool(build.kernel, name);
    return { code: 'headers-not-ready', ...treeNotReady(build, `${name} is missing`) };
  },

  'compiler-mismatch'(clue, { kernel }) {
    const compiler = kernel.configuration('CONFIG_CC_VERSION_TEXT') ?? 'another compiler';
    const cause = /plugin/.test(clue.line)
      ? `only the very compiler that built this kernel can build for it (${compiler})`
      : `the compiler does not know an option that is asked for (this kernel was built with ${compiler})`;
    return {
      headline: tidyLine(clue.line),
      cause,
      hint: 'install and choose that compiler (Gentoo: gcc-config -l), or build the kernel again with the one of today',
      transient: false,
    };
  },

  'headers-not-ready'(clue, build) {
    const missing = clue.caught.find((text) => text !== '');
    return treeNotReady(build, missing === undefined ? tidyLine(clue.line) : `${missing} is missing`);
  },

  // It is a warning as long as modpost finds all symbols elsewhere.
  'no-symvers': (_clue, build, { symbols }) =>
    symbols.length === 0
      ? undefined
      : { code: 'headers-not-ready', ...treeNotReady(build, 'Module.symvers is missing') },

  'gpl-only': (clue) => ({
    headline: tidyLine(clue.line),
    cause: 'the driver source does not declare the GPL, so the kernel withholds symbols from it',
    hint: 'put the unchanged driver source back into /usr/src, whose MODULE_LICENSE is "GPL"',
    transient: false,
  }),

  'missing-symbol': (_clue, build, { symbols }) => missingSymbols(build, symbols),

  namespace: (clue, { kernel }) => ({
    headline: `${clue.caught[0]} is in the symbol namespace ${clue.caught[1]}, which the driver does not import`,
    cause: 'this kernel moved the symbol after the driver was written',
    hint: newerDriver(kernel),
    transient: false,
  }),

  'compiler-crash': (clue, build) => ({
    headline: tidyLine(clue.line),
    cause: 'the compiler itself crashed',
    hint: `test the memory if it happens at random, else try another compiler version; then as root: ${again(build)}`,
    transient: false,
  }),

  'compile-error': compileError,

  'makefile-error'(clue, { kernel }) {
    const ours = isInBuildFolder(clue.line);
    const whose = ours ? 'the driver source' : "the kernel's build tree";
    return {
      headline: tidyLine(clue.line),
      cause: `${whose} ${clue.caught[1] ? 'has an error in a Makefile' : 'lacks a file that its Makefile asks for'}`,
      hint: ours ? 'put the unchanged driver source back into /usr/src' : renewTree(kernel),
      transient: false,
    };
  },

  'toolchain-error': (clue, { kernel }) => ({
    headline: tidyLine(clue.line),
    cause: "the linker, the assembler or a tool of the kernel's build tree refused the module",
    hint: `see all of it with ttkmdctl logs ${kernel.release}; often the build tree is older than the compiler: ${renewTree(kernel)}`,
    transient: false,
  }),
};

/** The kernel's build tree lacks something. */
export function treeNotReady({ kernel }: FailedBuild, headline: string): Omit<Diagnosis, 'code'> {
  return {
    headline,
    cause: 'the build tree of this kernel is not ready',
    hint: renewTree(kernel),
    transient: false,
  };
}

/** Somebody else's dkms worked on the same module at the same time. */
export function overlap(build: FailedBuild, headline: string): Omit<Diagnosis, 'code'> {
  return {
    headline,
    cause: 'another dkms worked on the same module at the same time',
    hint: `wait until it has ended, then as root: ${again(build)}`,
    transient: true,
  };
}

/** The driver names the kernels that it is for, and this one is not among them. */
export function unsupported(kernel: DiagnosedKernel): Omit<Diagnosis, 'code'> {
  return {
    headline: `the driver is not for ${kernel.release}`,
    cause:
      'a BUILD_EXCLUSIVE line of its dkms.conf rules this kernel, its configuration or the architecture out',
    hint: newerDriver(kernel),
    transient: false,
    unsupported: true,
  };
}

function missingSymbols(build: FailedBuild, symbols: readonly string[]): Diagnosis | Omit<Diagnosis, 'code'> {
  const { kernel } = build;
  const [first = 'a symbol', ...more] = symbols;
  const others =
    more.length === 0 ? '' : ` and ${more.length === 1 ? more[0] : `${more.length} other symbols`}`;
  const headline = `${first}${others} ${more.length === 0 ? 'is' : 'are'} missing`;
  // No configuration is without these: the list of symbols itself is not this kernel's.
  if (
    symbols.some((symbol) => /^(?:_?printk|module_layout|kfree|__kmalloc\w*|kmalloc_caches)$/.test(symbol))
  ) {
    return { code: 'headers-not-ready', ...treeNotReady(build, headline) };
  }
  const off = neededOptions(symbols).filter(
    ({ option }) => !['y', 'm'].includes(kernel.configuration(option) ?? 'n'),
  );
  if (off.length > 0) {
    const names = off.map(({ option }) => option).join(' and ');
    const cause = `${names} ${off.length === 1 ? 'is' : 'are'} off in this kernel`;
    return { headline, cause, hint: turnOn(kernel, off), transient: false };
  }
  const known = neededOptions(symbols)[0]?.option;
  if (known !== undefined) {
    const cause = `${known} is on, so the build tree's Module.symvers is not of this kernel`;
    return { headline, cause, hint: renewTree(kernel), transient: false };
  }
  return {
    headline,
    cause: 'this kernel does not offer it to modules',
    hint: newerDriver(kernel),
    transient: false,
  };
}

function compileError(clue: Clue, { kernel }: FailedBuild): Diagnosis {
  const headline = tidyLine(clue.line);
  const common = { headline, hint: newerDriver(kernel), transient: false };
  const [, implicit] =
    /(?:implicit declaration of|call to undeclared) function '([^']+)'/.exec(headline) ?? [];
  const [, header] = /fatal error: (\S+): No such file or directory/.exec(headline) ?? [];
  if (implicit !== undefined) {
    return { code: 'implicit-declaration', cause: `this kernel does not offer ${implicit}`, ...common };
  }
  if (header !== undefined) {
    return { code: 'missing-header', cause: `this kernel has no header ${header}`, ...common };
  }
  const cause = /error: #error/.test(headline)
    ? 'the driver source itself refuses to be built here'
    : /\[-Werror/.test(headline)
      ? 'a warning that the build takes for an error'
      : 'the driver source does not fit this kernel';
  return { code: 'compile-error', cause, ...common };
}

function again({ kernel }: FailedBuild): string {
  return `ttkmdctl reconcile --kernel ${kernel.release}`;
}
