// Which compiler builds modules for a kernel: the one that built the kernel, or what comes nearest to it.
import type { Host } from '../host/host.ts';

export interface Compiler {
  readonly family: 'gcc' | 'clang';
  /** What it was called by, where the kernel says so. */
  readonly program: string;
  readonly version: string;
  /** The first line of `--version`, without the name that the program was called by. */
  readonly identity: string;
}

export interface CompilerChoice {
  /** Variables for make's command line: kbuild heeds no CC of the environment. */
  readonly variables: readonly string[];
  /** Searched before other folders: LLVM's versions live in folders of their own. */
  readonly path: string | undefined;
  /** What is to be said where another major version builds. */
  readonly warning: string | undefined;
}

export interface NoCompiler {
  readonly code: 'compiler-missing' | 'compiler-mismatch';
  readonly headline: string;
  readonly hint: string;
}

/** What is asked of a kernel; `compiler` is its CONFIG_CC_VERSION_TEXT. */
export interface BuiltKernel {
  readonly release: string;
  readonly compiler: string | undefined;
  /** GCC loads a plugin of the kernel's only if it is the very compiler that the plugin was made by. */
  readonly hasPlugins: boolean;
  /** The package that it came from, as `sys-kernel/gentoo-kernel-6.12.58`. */
  readonly package: string | undefined;
}

const NOTHING_SPECIAL: CompilerChoice = { variables: [], path: undefined, warning: undefined };

/**
 * The compiler that a text of `--version`, or CONFIG_CC_VERSION_TEXT, is about: `gcc-12 (Debian 12.2.0-14) 12.2.0`,
 * `x86_64-pc-linux-gnu-gcc (Gentoo 13.3.1_p20241220 p2) 13.3.1 20241220`, `Debian clang version 14.0.6`.
 */
export function parseCompiler(text: string): Compiler | undefined {
  const clang = text.match(/\bclang version (\d+[\d.]*)/);
  if (clang !== null) {
    return { family: 'clang', program: 'clang', version: clang[1] ?? '', identity: text.trim() };
  }
  const gcc = text.match(/^(\S*gcc\S*) (.*\s(\d+\.\d[\d.]*)(?:\s\d{8})?)\s*$/);
  if (gcc === null) return undefined;
  const [, program = '', identity = '', version = ''] = gcc;
  return { family: 'gcc', program, version, identity };
}

export interface Candidate {
  /** What is run. */
  readonly command: string;
  readonly variables: readonly string[];
  readonly path: string | undefined;
}

/** Where a compiler may be found, the likeliest first; the last is what kbuild takes by itself. */
export function candidates({ family, program, version }: Compiler, arch: string): Candidate[] {
  const number = major(version);
  if (family === 'clang') {
    const folders = [`/usr/lib/llvm/${number}/bin`, `/usr/lib/llvm-${number}/bin`];
    return [
      ...folders.map((path) => ({ command: `${path}/clang`, variables: ['LLVM=1'], path })),
      { command: 'clang', variables: ['LLVM=1'], path: undefined },
    ];
  }
  const names = new Set([program, `gcc-${number}`, `${arch}-pc-linux-gnu-gcc-${number}`]);
  names.delete('gcc');
  return [
    { command: 'gcc', variables: [], path: undefined },
    ...[...names].map((command) => ({ command, variables: [`CC=${command}`], path: undefined })),
  ];
}

/** A candidate that is there, and what it says that it is. */
export interface Found extends Candidate {
  readonly compiler: Compiler;
}

/** The best of those that are there, or why none will do. */
export function chooseCompiler(
  kernel: BuiltKernel,
  wanted: Compiler,
  found: readonly Found[],
): CompilerChoice | NoCompiler {
  const text = `${wanted.family} ${wanted.version}`;
  const same = found.find(({ compiler }) => compiler.identity === wanted.identity);
  if (same !== undefined) return chosen(same);
  if (kernel.hasPlugins && wanted.family === 'gcc') {
    const [other] = found;
    return {
      code: other === undefined ? 'compiler-missing' : 'compiler-mismatch',
      headline: `${kernel.release} has GCC plugins (CONFIG_GCC_PLUGINS), so that only the gcc that built it can build for it: ${wanted.identity}; here is ${other === undefined ? 'none' : other.compiler.identity}`,
      hint:
        kernel.package === undefined
          ? `build the kernel again with the gcc of today, or install ${text} and choose it (gcc-config -l)`
          : `emerge the kernel again, which builds it with the gcc of today: emerge --oneshot =${kernel.package}`,
    };
  }
  const [first] = found;
  if (first === undefined) {
    return {
      code: 'compiler-missing',
      headline: `no ${wanted.family} is installed; ${kernel.release} was built by ${text}`,
      hint: installation(wanted, kernel),
    };
  }
  const near = found.find(({ compiler }) => major(compiler.version) === major(wanted.version));
  if (near !== undefined) return chosen(near);
  // What kbuild takes by itself is what the admin has chosen, with gcc-config or eselect.
  const usual =
    found.find(({ path, command }) => path === undefined && /^(?:gcc|clang)$/.test(command)) ?? first;
  return {
    ...chosen(usual),
    warning: `built with ${usual.compiler.family} ${usual.compiler.version}, its kernel with ${text}`,
  };
}

function chosen({ variables, path }: Found): CompilerChoice {
  return { ...NOTHING_SPECIAL, variables, path };
}

function installation({ family, version }: Compiler, { package: name }: BuiltKernel): string {
  const number = major(version);
  if (name !== undefined)
    return `emerge ${family === 'gcc' ? `sys-devel/gcc:${number}` : `llvm-core/clang:${number} llvm-core/lld:${number}`}`;
  const debian = family === 'gcc' ? `gcc-${number}` : `clang-${number} lld-${number}`;
  return `install it (Debian: apt-get install ${debian}; Gentoo: emerge ${family === 'gcc' ? 'sys-devel/gcc' : 'llvm-core/clang llvm-core/lld'})`;
}

function major(version: string): string {
  return version.split('.')[0] ?? version;
}

/** Looks for the compiler that a kernel's modules are to be built with. */
export async function findCompiler(
  host: Pick<Host, 'exec' | 'fs'>,
  kernel: BuiltKernel,
  arch: string,
): Promise<CompilerChoice | NoCompiler> {
  const wanted = kernel.compiler === undefined ? undefined : parseCompiler(kernel.compiler);
  if (wanted === undefined) return NOTHING_SPECIAL;
  const found: Found[] = [];
  for (const candidate of candidates(wanted, arch)) {
    if (candidate.path !== undefined && !host.fs.exists(candidate.command)) continue;
    const { code, stdout } = await host.exec.query(candidate.command, ['--version']);
    const compiler = code === 0 ? parseCompiler(stdout.split('\n')[0] ?? '') : undefined;
    if (compiler?.family !== wanted.family) continue;
    found.push({ ...candidate, compiler });
    if (compiler.identity === wanted.identity) break;
  }
  return chooseCompiler(kernel, wanted, found);
}
