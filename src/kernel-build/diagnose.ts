// Why a kernel did not build or install: the first line of its log that speaks, and what mends it. Pure.
import { packagesOf } from '../dkms/diagnose-tools.ts';

export interface KernelBuildDiagnosis {
  readonly headline: string;
  readonly hint: string;
}

type Explain = (caught: readonly string[]) => KernelBuildDiagnosis;

const AGAIN = 'then run it again: it goes on where it stopped';

const INSTALL_AGAIN = 'then go on: ttkmdctl kernels build --stage install';

const CAUSES: readonly [pattern: RegExp, explain: Explain][] = [
  [
    /No space left on device|Disk quota exceeded/,
    () => ({
      headline: 'no space is left',
      hint: `make room (a kernel's build takes 2 to 20 GiB), ${AGAIN}`,
    }),
  ],
  // Gentoo's installkernel, before it does anything.
  [
    /run from inside a chroot/,
    () => ({
      headline: 'installkernel goes no further in a chroot where no command line is set for the kernel',
      hint: `write that to /etc/kernel/cmdline (for dracut: to a file in /etc/cmdline.d), ${INSTALL_AGAIN}`,
    }),
  ],
  [
    /Not enough disk space\. Need at least (\d+) KiB, found (\d+) KiB/,
    ([needed, found]) => ({
      headline: `installkernel needs ${needed} KiB and finds ${found} KiB`,
      hint: `make room (df -h /boot), ${INSTALL_AGAIN}`,
    }),
  ],
  [
    /ttkmd: the kernel's installation fails with it: (hook\.on_failure is fail \(.*?\))/,
    ([why = '']) => ({
      headline: `the driver did not build, and ${why}`,
      hint: `see why: ttkmdctl logs; ${INSTALL_AGAIN}`,
    }),
  ],
  [
    /Cannot allocate memory|virtual memory exhausted|Killed signal terminated program|\*\*\* \[.*\] Error 137/,
    () => ({
      headline: 'memory was short, and the kernel killed a compiler',
      hint: `fewer at once: --jobs 1; ${AGAIN}`,
    }),
  ],
  [
    /(?:^|: )(?:line )?\d+: (\S+): (?:command )?not found|^make(?:\[\d+\])?: ([^\s*]+): (?:No such file or directory|Command not found)/,
    ([one, other]) => missingTool(one || other || 'a program'),
  ],
  [
    /fatal error: ((?:gelf|libelf|elf|openssl)\S*\.h): No such file/,
    ([header = '']) => {
      const [gentoo, debian] = header.startsWith('openssl')
        ? ['dev-libs/openssl', 'libssl-dev']
        : ['virtual/libelf', 'libelf-dev'];
      return {
        headline: `the header ${header} is missing`,
        hint: `emerge --oneshot ${gentoo} (Debian: apt-get install ${debian}); ${AGAIN}`,
      };
    },
  ],
  [
    /The source tree is not clean, please run/,
    () => ({
      headline: 'the sources hold what an earlier build in them has left',
      hint: `keep their .config elsewhere, for this removes it too: make mrproper; ${AGAIN}`,
    }),
  ],
  [
    /No rule to make target ['‘`]([^'’]*\.(?:pem|x509|crt|der))['’]/,
    ([file = '']) => ({
      headline: `${file} is missing, which the configuration names`,
      hint: 'take it out of CONFIG_SYSTEM_TRUSTED_KEYS or CONFIG_MODULE_SIG_KEY: make menuconfig, below Cryptographic API',
    }),
  ],
  [
    /^(?:\S.*?:\d+(?::\d+)?: )(?:fatal )?error: (.+)/,
    ([what = '']) => ({
      headline: what,
      hint: 'most often the compiler is too new for these sources: take newer sources, or an older compiler',
    }),
  ],
  [/^ERROR: (?:modpost: )?(.+)/, ([what = '']) => ({ headline: what, hint: 'see the whole log' })],
  [/^make(?:\[\d+\])?: \*\*\* (.+)/, ([what = '']) => ({ headline: what, hint: 'see the whole log' })],
];

/** The cause that comes first in the table, whichever line it is on. */
export function diagnoseKernelBuild(lines: readonly string[]): KernelBuildDiagnosis | undefined {
  for (const [pattern, explain] of CAUSES) {
    for (const line of lines) {
      const match = pattern.exec(line);
      if (match !== null) return explain(match.slice(1));
    }
  }
  return undefined;
}

function missingTool(path: string): KernelBuildDiagnosis {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const packages = packagesOf(name);
  const how =
    packages === undefined
      ? `install the package that has ${name}`
      : `emerge --oneshot ${packages[0]} (Debian: apt-get install ${packages[1]})`;
  return { headline: `${name} is missing`, hint: `${how}; ${AGAIN}` };
}
