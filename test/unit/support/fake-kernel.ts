// A running kernel that takes and gives modules: modprobe, insmod and sysfs as they act together.
import type { Host } from '../../../src/host/host.ts';
import type { Files } from './machines.ts';
import type { MemoryHost } from './memory-host.ts';
import type { ExecAnswer, ExecFunction, RecordedCall } from './scripted-exec.ts';
import { workingDkms } from './working-dkms.ts';

const SYSFS = '/sys/module/tenstorrent';

/** The srcversion of a version's module. */
export function sourceVersion(version: string): string {
  return `AB${version.replaceAll('.', '')}`;
}

/** What a module file holds, for modinfo and for the kernel. */
export function moduleText(release: string, version: string): string {
  return `version=${version}\0srcversion=${sourceVersion(version)}\0vermagic=${release} SMP mod_unload \0`;
}

/** The module in the kernel, its device's node, and how many hold it. */
export function loadedModule(version: string, users = 0): Files {
  return {
    [`${SYSFS}/version`]: `${version}\n`,
    [`${SYSFS}/srcversion`]: `${sourceVersion(version)}\n`,
    [`${SYSFS}/refcnt`]: `${users}\n`,
    [`${SYSFS}/taint`]: 'OE\n',
    '/dev/tenstorrent/0': { special: '240:0' },
  };
}

/** A process that holds the device. */
export function holder(pid: number, name: string): Files {
  return {
    [`/proc/${pid}/comm`]: `${name}\n`,
    [`/proc/${pid}/status`]: 'Uid:\t0\t0\t0\t0\n',
    [`/proc/${pid}/fd/5`]: { link: '/dev/tenstorrent/0' },
  };
}

export interface KernelOptions {
  /** Versions that the kernel does not take. */
  readonly refuses?: readonly string[];
  /** Versions under which no device appears. */
  readonly blind?: readonly string[];
  /** Answers before anything else does. */
  readonly first?: ExecFunction;
}

/** Modprobe, insmod and dkms, acting on one kernel of a release. */
export function fakeKernel(
  release: string,
  { refuses = [], blind = [], first }: KernelOptions = {},
): ExecFunction {
  const insert = (on: MemoryHost, path: string): ExecAnswer => {
    const { fs } = on;
    const version = /version=([^\0]*)/.exec(fs.readText(path) ?? '')?.[1];
    if (version === undefined)
      return { code: 1, stderr: 'modprobe: FATAL: Module tenstorrent not found in directory\n' };
    if (refuses.includes(version)) {
      return { code: 1, stderr: "modprobe: ERROR: could not insert 'tenstorrent': Invalid argument\n" };
    }
    for (const [name, text] of Object.entries(loadedModule(version))) {
      const isNode = name.startsWith('/dev/');
      if (!isNode) plain(fs, name, String(text));
      else if (!blind.includes(version)) on.put({ [name]: text });
    }
    return '';
  };
  return async (call, on) => {
    const answer = await first?.(call, on);
    if (answer !== undefined) return answer;
    const { fs } = on;
    switch (call.line) {
      case 'modprobe -b tenstorrent':
        return fs.exists(SYSFS)
          ? ''
          : insert(on as MemoryHost, `/lib/modules/${release}/kernel/extra/tenstorrent.ko`);
      case 'modprobe -r tenstorrent':
        if (fs.readText(`${SYSFS}/refcnt`)?.trim() !== '0') {
          return { code: 1, stderr: 'modprobe: FATAL: Module tenstorrent is in use.\n' };
        }
        fs.removeTree(SYSFS);
        fs.removeTree('/dev/tenstorrent');
        return '';
      case 'modprobe --showconfig':
        return 'options snd index=1\noptions tenstorrent reset_limit=3 note="two words"\n';
      case 'modprobe -a hwmon':
        return '';
    }
    if (call.command === 'insmod') return insert(on as MemoryHost, call.args[0] ?? '');
    if (call.line.startsWith('modinfo -F depends')) return 'hwmon\n';
    // Nobody is writing to a build tree.
    if (['udevadm', 'dmesg', 'find'].includes(call.command)) return '';
    const done = await workingDkms(call, on);
    if (call.args[0] === 'build') tellSource(call, on);
    return done;
  };
}

/** The kernel's own files are no changes to a disk. */
function plain(fs: Host['fs'], path: string, text: string): void {
  fs.write(path, text);
}

/** A built module tells which source it is from. */
function tellSource({ args }: RecordedCall, { fs }: Host): void {
  const optionOf = (name: string): string => args[args.indexOf(name) + 1] ?? '';
  const [version, release] = [optionOf('-v'), optionOf('-k')];
  const path = `${optionOf('--dkmstree')}/tenstorrent/${version}/${release}/x86_64/module/tenstorrent.ko`;
  fs.write(path, moduleText(release, version));
}
