// Parts of machines for unit tests: kernels, driver sources, modules and dkms's records, as files.
import { loadConfig } from '../../../src/config/load.ts';
import type { Host } from '../../../src/host/host.ts';
import { judge } from '../../../src/reconcile/judge.ts';
import type { Judgement } from '../../../src/reconcile/judgement.ts';
import { type HolderSight, observe } from '../../../src/reconcile/observe.ts';
import { type Policy, plan } from '../../../src/reconcile/plan.ts';
import type { Step } from '../../../src/reconcile/step.ts';
import {
  type ExecAnswer,
  type FileSpec,
  type MemoryHost,
  type MemoryHostOptions,
  memoryHost,
  type RecordedCall,
} from './memory-host.ts';

export type Files = Readonly<Record<string, FileSpec>>;

/** When every folder of these machines was last changed, and when they are looked at. */
export const LONG_AGO = Date.UTC(2026, 0, 1);
export const NOW = Date.UTC(2026, 0, 2);

const OPTIONS = 'CONFIG_MODULES=y\nCONFIG_PCI=y\nCONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\n';

export interface TreeOptions {
  readonly options?: string;
  readonly release?: string;
  readonly without?: readonly string[];
  readonly distKernel?: string;
  /** Versions of symbols by name; the kernel then checks them. */
  readonly symbols?: Readonly<Record<string, string>>;
}

/** A built tree at a path. */
export function buildTree(path: string, release: string, tree: TreeOptions = {}): Files {
  const files: Record<string, FileSpec> = {
    [`${path}/Makefile`]: 'VERSION = 6\n',
    [`${path}/include/config/auto.conf`]: `${OPTIONS}${tree.symbols === undefined ? '' : 'CONFIG_MODVERSIONS=y\n'}${tree.options ?? ''}`,
    [`${path}/include/generated/utsrelease.h`]: `#define UTS_RELEASE "${tree.release ?? release}"\n`,
    [`${path}/scripts/mod/modpost`]: 'ELF',
    [`${path}/Module.symvers`]: symvers(tree.symbols ?? { printk: '0x1' }),
  };
  for (const name of tree.without ?? []) delete files[`${path}/${name}`];
  if (tree.distKernel !== undefined) files[`${path}/dist-kernel`] = `${tree.distKernel}\n`;
  return files;
}

/** A Module.symvers as modpost writes it. */
export function symvers(symbols: Readonly<Record<string, string>>): string {
  return Object.entries(symbols)
    .map(([name, version]) => `${version}\t${name}\tvmlinux\tEXPORT_SYMBOL\t\n`)
    .join('');
}

/** The modules folder of an installed kernel and its image. */
export function modulesFolder(release: string): Files {
  return {
    [`/lib/modules/${release}/kernel/fs/ext4.ko`]: 'ELF',
    [`/lib/modules/${release}/modules.builtin`]: '',
    [`/boot/vmlinuz-${release}`]: 'image',
  };
}

/** A dist-kernel as Portage lays it. */
export function gentooKernel(release: string, tree: TreeOptions = {}): Files {
  const number = release.split('-')[0];
  return {
    ...modulesFolder(release),
    ...buildTree(`/usr/src/linux-${release}`, release, {
      distKernel: `sys-kernel/gentoo-kernel-${number}:${number}`,
      ...tree,
    }),
    [`/lib/modules/${release}/build`]: { link: `/usr/src/linux-${release}` },
  };
}

export interface SourceOptions {
  readonly autoinstall?: boolean;
  readonly conf?: string;
  readonly code?: string;
  readonly mode?: number;
  readonly user?: number;
}

/** A driver source in /usr/src. */
export function driverSource(version: string, options: SourceOptions = {}): Files {
  const path = `/usr/src/tenstorrent-${version}`;
  const ownership = options.autoinstall ? 'AUTOINSTALL="yes"\nPOST_INSTALL="./dkms-post-install"\n' : '';
  const conf = options.conf ?? `PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="${version}"\n${ownership}`;
  return {
    [path]: { folder: true, mode: 0o755 },
    [`${path}/dkms.conf`]: conf,
    [`${path}/module.c`]: { text: options.code ?? 'code', mode: options.mode, user: options.user },
  };
}

/** A module on disk that modprobe would load; its text is what the scripted modinfo says of it. */
export function module(release: string, version: string, vermagic = `${release} SMP mod_unload `): Files {
  const path = `/lib/modules/${release}/kernel/extra/tenstorrent.ko`;
  return {
    [path]: `version=${version}\0license=GPL\0vermagic=${vermagic}\0`,
    [`/lib/modules/${release}/modules.dep`]: 'kernel/fs/ext4.ko:\nkernel/extra/tenstorrent.ko:\n',
  };
}

/** dkms's record of a version, and of the releases that it was built and installed for. */
export function dkmsRecord(version: string, releases: readonly string[] = []): Files {
  const folder = '/var/lib/dkms/tenstorrent';
  const files: Record<string, FileSpec> = {
    [`${folder}/${version}/source`]: { link: `/usr/src/tenstorrent-${version}` },
  };
  for (const release of releases) {
    files[`${folder}/${version}/${release}/x86_64/module/tenstorrent.ko`] = 'ELF';
    files[`${folder}/kernel-${release}-x86_64`] = { link: `${version}/${release}/x86_64` };
  }
  return files;
}

/** A kernel for which a version of the driver is installed and registered. */
export function current(release: string, version: string): Files {
  return { ...gentooKernel(release), ...module(release, version), ...dkmsRecord(version, [release]) };
}

export const DKMS: Files = { '/usr/sbin/dkms': { text: '#!/bin/bash', mode: 0o755 } };

/** Pages of 1 GiB for any device that a test may think of, and their mount. */
export const HUGEPAGES: Files = {
  '/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages': '64\n',
  '/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages': '64\n',
  '/proc/self/mountinfo':
    '40 30 0:40 / /dev/hugepages-1G rw,nosuid,nodev - hugetlbfs hugetlbfs rw,mode=777,pagesize=1024M\n',
};

/** A host with dkms and hugepages, whose modinfo answers from the files' texts. */
export function machine(files: Files, options: MemoryHostOptions = {}): MemoryHost {
  const host = memoryHost({
    now: NOW,
    exec: (call, on) => {
      if (call.command === 'modinfo') return modinfo(call, on);
      const versions = modversions(call, on);
      if (versions === undefined) throw new Error(`unexpected: ${call.command} ${call.args.join(' ')}`);
      return versions;
    },
    ...options,
    files: { '/lib/modules': { folder: true }, '/boot': { folder: true }, ...DKMS, ...HUGEPAGES, ...files },
  });
  settle(host);
  return host;
}

/** What modinfo says of modules whose texts are that. */
export function modinfo(call: RecordedCall, on: Host): ExecAnswer {
  const entries = call.args
    .filter((arg) => arg.startsWith('/'))
    .flatMap((path) => {
      const text = on.fs.readText(path);
      return text === undefined ? [] : [`filename:       ${path}\0${text}`];
    });
  return { code: 0, stdout: entries.join(''), stderr: '' };
}

/** What modprobe says of the symbols that modules import whose texts are that: `crc=0x1 _printk`. */
export function modversions({ command, args }: RecordedCall, on: Host): ExecAnswer | undefined {
  const [option, path = ''] = args;
  if (command !== 'modprobe' || option !== '--dump-modversions') return undefined;
  const fields = (on.fs.readText(path) ?? '').split('\0').filter((field) => field.startsWith('crc='));
  return fields.map((field) => `${field.slice('crc='.length).replace(' ', '\t')}\n`).join('');
}

/** Makes every folder that tells of a change look as if nothing had happened for a day. */
function settle(host: MemoryHost): void {
  for (const path of [
    '/boot',
    '/lib/modules',
    ...host.fs.list('/lib/modules').map((name) => `/lib/modules/${name}`),
  ]) {
    if (host.fs.stat(path)?.kind === 'folder') host.put({ [path]: { folder: true, modified: LONG_AGO } });
  }
}

export async function judgeHost(host: MemoryHost, holders?: HolderSight): Promise<Judgement> {
  const loaded = loadConfig(host.fs);
  const warnings = loaded.problems.map(({ file, message, hint }) => ({ place: file, message, hint }));
  return judge(await observe(host, { config: loaded.config, warnings, holders }));
}

export const POLICY: Policy = {
  trigger: 'cli',
  only: undefined,
  force: false,
  retry: false,
  again: false,
  removed: false,
};

export async function planHost(host: MemoryHost, policy: Partial<Policy> = {}): Promise<Step[]> {
  return plan(await judgeHost(host), { ...POLICY, ...policy });
}

/** A plan in a few words a step, for tables: `build 6.1.0 1.0`. */
export function inShort(steps: readonly Step[]): string[] {
  return steps.map((step) => {
    switch (step.kind) {
      case 'clean':
        return `clean ${step.remains.what}`;
      case 'takeOver':
        return `takeOver ${step.version}${step.foreign ? ' foreign' : ''}`;
      case 'register':
      case 'unregister':
      case 'removeSource':
      case 'placeRule':
        return `${step.kind} ${step.version}`;
      case 'archive':
      case 'dropArchive':
      case 'forget':
      case 'load':
      case 'unload':
      case 'endReload':
        return `${step.kind} ${step.release}`;
      case 'allocateHugepages':
        return `allocate ${step.to} of ${step.demand} on ${step.node ?? 'all'}`;
      case 'returnHugepages':
        return `return ${step.count} on ${step.node ?? 'all'}`;
      case 'mountHugepages':
        return `mount ${step.path}`;
      case 'wait':
        return `wait ${step.release ?? ''}`;
      default:
        return `${step.kind} ${step.release} ${step.version}`;
    }
  });
}
