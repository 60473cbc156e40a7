// What a machine is, as far as its bootstrap depends on it. Looks, changes nothing.

import { dirname } from 'node:path';
import type { ExtraDevice } from '../config/values.ts';
import { observeDevices } from '../driver/devices.ts';
import type { Device } from '../driver/driver.ts';
import type { Host } from '../host/host.ts';
import { type FoundInit, findInit } from '../init/detect.ts';
import { observeKernels } from '../kernels/inventory.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { lackingOptions } from '../kernels/needed-options.ts';
import { observeMachine } from '../signing/machine.ts';
import { FILLED, WRITTEN } from './places.ts';

export type Manager = 'apt' | 'portage';

export interface LackingKernel {
  readonly release: string;
  /** Options of the kernel's configuration, without CONFIG_. */
  readonly options: readonly string[];
  /** What is to be set for them: some have no prompt of their own, and another one selects them. */
  readonly set: readonly string[];
  /** Portage builds it. */
  readonly dist: boolean;
}

export interface Facts {
  readonly root: boolean;
  readonly chrooted: boolean;
  readonly os: { readonly id: string; readonly like: readonly string[]; readonly name: string };
  readonly manager: Manager | undefined;
  readonly init: FoundInit | undefined;
  readonly arch: string;
  readonly libc: 'glibc' | 'musl';
  /** Bytes free for root where things are put; undefined where nobody could tell. */
  readonly free: Readonly<Record<string, number | undefined>>;
  /** Where things are put and nobody can write, root included. */
  readonly readOnly: readonly string[];
  /** The newest first; what is no kernel is left out. */
  readonly kernels: readonly Kernel[];
  readonly kernelsWithout: readonly LackingKernel[];
  /** The firmware starts signed images only, and shim was not told to check none. */
  readonly secureBoot: boolean;
  /** The running kernel loads no module without a signature that it knows. */
  readonly signaturesEnforced: boolean;
  readonly iommu: boolean;
  readonly devices: readonly Device[];
  /** The container runtime that is there. */
  readonly containers: 'podman' | 'docker' | undefined;
}

/** @param extra devices that the settings name beside Tenstorrent's own */
export async function observeFacts(host: Host, extra: readonly ExtraDevice[] = []): Promise<Facts> {
  const { fs, machine } = host;
  const { secureBoot, checksOff, enforcing } = observeMachine(fs, machine.chrooted);
  const kernels = observeKernels(host).filter(({ kind }) => kind === 'installed' || kind === 'no-modules');
  return {
    root: machine.effectiveUser === 0,
    chrooted: machine.chrooted,
    os: distribution(host),
    manager: manager(host),
    init: findInit(host),
    arch: machine.arch,
    libc: fs.list('/lib').some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'glibc',
    free: await freeSpace(host),
    readOnly: WRITTEN.filter((path) => fs.onReadOnly(firstThere(host, path))),
    kernels,
    kernelsWithout: kernels.flatMap(lacking),
    secureBoot: secureBoot === true && checksOff !== true,
    signaturesEnforced: enforcing === true,
    iommu: fs.list('/sys/class/iommu').length > 0,
    devices: observeDevices(fs, extra),
    containers: (['podman', 'docker'] as const).find((name) => isCommand(host, name)),
  };
}

/** Whether a command is where every command is looked for. */
export function isCommand({ fs }: Pick<Host, 'fs'>, name: string): boolean {
  return ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin', '/bin', '/sbin'].some(
    (folder) => ((fs.stat(`${folder}/${name}`)?.mode ?? 0) & 0o111) !== 0,
  );
}

function distribution({ fs }: Host): Facts['os'] {
  const text = fs.readText('/etc/os-release') ?? fs.readText('/usr/lib/os-release') ?? '';
  const read = (name: string): string => new RegExp(`^${name}=["']?(.*?)["']?$`, 'm').exec(text)?.[1] ?? '';
  const like = read('ID_LIKE')
    .split(' ')
    .filter((one) => one !== '');
  return { id: read('ID'), like, name: read('PRETTY_NAME') || read('NAME') };
}

function manager(host: Host): Manager | undefined {
  if (isCommand(host, 'emerge')) return 'portage';
  return isCommand(host, 'apt-get') ? 'apt' : undefined;
}

/** What is not there yet is made in the folder above it. */
function firstThere(host: Host, path: string): string {
  return host.fs.exists(path) ? path : firstThere(host, dirname(path));
}

async function freeSpace({ exec }: Host): Promise<Facts['free']> {
  const answers = await Promise.all(
    FILLED.map(async (place) => {
      const { code, stdout } = await exec.query('df', ['-Pk', place]);
      const kilobytes = Number(stdout.trim().split('\n').at(-1)?.split(/\s+/)[3]);
      return [place, code === 0 && Number.isFinite(kilobytes) ? kilobytes * 1024 : undefined] as const;
    }),
  );
  return Object.fromEntries(answers);
}

/** The driver may not be there yet: what upstream's needs counts. */
function lacking(kernel: Kernel): LackingKernel[] {
  const options = lackingOptions(kernel, undefined).map(({ option }) => option);
  if (options.length === 0) return [];
  const dist = kernel.origin.kind === 'dist-kernel';
  const names = options.map(({ name }) => name);
  return [{ release: kernel.release, options: names, set: options.map(({ set }) => set), dist }];
}
