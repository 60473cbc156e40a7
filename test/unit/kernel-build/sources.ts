// A machine in memory with sources that nobody has built, and the plan and the work on it.
import { buildKernel } from '../../../src/kernel-build/kernel-build.ts';
import { type KernelBuildOptions, planKernelBuild } from '../../../src/kernel-build/plan.ts';
import { STAGES } from '../../../src/kernel-build/stages.ts';
import type { RunEvent } from '../../../src/state/run.ts';
import type { Files } from '../support/machines.ts';
import { type ExecAnswer, type MemoryHost, memoryHost, type RecordedCall } from '../support/memory-host.ts';

export const TREE = '/usr/src/linux-6.12.60-gentoo';
export const RELEASE = '6.12.60-gentoo';
export const RELEASE_FILE = 'include/config/kernel.release';
export const RUNNING = '6.12.58-gentoo-dist';
export const OFF =
  'CONFIG_MODULES=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_PCI=y\nCONFIG_DMA_SHARED_BUFFER=y\nCONFIG_HUGETLBFS=y\n# CONFIG_HWMON is not set\n';
export const ON = OFF.replace('# CONFIG_HWMON is not set', 'CONFIG_HWMON=y');
export const OPTIONS: KernelBuildOptions = {
  tree: undefined,
  config: undefined,
  output: undefined,
  stages: STAGES,
  jobs: 3,
  load: undefined,
  nice: 10,
};

export const SOURCES: Files = {
  [`${TREE}/Makefile`]: 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 60\nEXTRAVERSION = -gentoo\n',
  [`${TREE}/Kconfig`]: '',
  [`${TREE}/init/main.c`]: '',
  [`${TREE}/scripts/kconfig/Makefile`]: '',
};
export const LINK: Files = { '/usr/src/linux': { link: 'linux-6.12.60-gentoo' } };
export const TOOLS: Files = Object.fromEntries(
  ['make', 'gcc', 'ld', 'flex', 'bison', 'bc', 'perl', 'depmod', 'installkernel'].map((name) => [
    `/usr/sbin/${name}`,
    '',
  ]),
);
export const MACHINE: Files = { ...SOURCES, ...LINK, ...TOOLS, [`/boot/config-${RUNNING}`]: ON };
export const BUILT: Files = {
  [`${TREE}/vmlinux`]: { text: '', modified: Date.UTC(2030, 0) },
  [`${TREE}/modules.order`]: '',
};

export function hostOf(
  files: Files,
  answer: (call: RecordedCall) => ExecAnswer | undefined = () => undefined,
) {
  const without = Object.entries(files).filter(([, spec]) => spec !== '(none)');
  return memoryHost({
    files: Object.fromEntries(without),
    machine: { runningRelease: RUNNING },
    exec: (call, host) => {
      const given = answer(call);
      if (given === undefined && call.line.endsWith(RELEASE_FILE)) {
        host.fs.write(`${TREE}/${RELEASE_FILE}`, `${RELEASE}\n`);
      }
      // Without the file, make kernelrelease prints a wrong one, and ends well.
      return given ?? (call.line.endsWith('kernelrelease') ? '6.12.60\n' : '');
    },
  });
}

export const CONFIGURE = `make -C ${TREE} olddefconfig`;
export const BUILD = `make -C ${TREE} -j3`;
export const INSTALL = [`make -C ${TREE} modules_install`, `make -C ${TREE} install`];
export const COMMANDS = [CONFIGURE, BUILD, ...INSTALL];
export const KEPT = `${TREE}/.config.20260102T030405Z`;

/** What an answer is to a call; undefined where it is the usual one. */
export type Answer = (call: RecordedCall) => ExecAnswer | undefined;

/** Plans and carries out. */
export async function work(
  files: Files,
  options: Partial<KernelBuildOptions> = {},
  answer?: Answer,
  open: { code: number; lines: readonly string[] } = { code: 0, lines: [] },
) {
  return workOn(hostOf(files, answer), options, open);
}

export async function workOn(
  host: MemoryHost,
  options: Partial<KernelBuildOptions> = {},
  open: { code: number; lines: readonly string[] } = { code: 0, lines: [] },
) {
  const wanted = { ...OPTIONS, ...options };
  const events: RunEvent[] = [];
  const opened: string[] = [];
  const notes: string[] = [];
  const report = await buildKernel(host, planKernelBuild(host, wanted), wanted, {
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    onNote: (text) => notes.push(text),
    async runOpenly(argv, { onLine }) {
      opened.push(argv.join(' '));
      for (const line of open.lines) onLine(line);
      return { code: open.code, signal: undefined, timedOut: false, cancelled: false };
    },
  });
  const ran = host.exec.calls.filter(({ kind }) => kind === 'run').map(({ line }) => line);
  return { host, report, ran, opened, events, notes };
}
