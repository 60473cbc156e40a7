// Machines on which a driver is loaded and another is on disk, and what a run on them did.
import { HOOKS_FOLDER } from '../../../src/reconcile/hook-files.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import type { Report } from '../../../src/reconcile/reconcile.ts';
import { fakeKernel, type KernelOptions, loadedModule, moduleText } from './fake-kernel.ts';
import { current, driverSource, type Files, gentooKernel, machine, NOW } from './machines.ts';
import type { MemoryHost } from './memory-host.ts';
import { runReconcile } from './run-reconcile.ts';

export const A = '6.12.58-gentoo-dist';
export const MODULE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
export const COPY = '/run/ttkmd/loaded/AB280/tenstorrent.ko';
export const PCI = '/sys/bus/pci/devices/0000:01:00.0';
/** A card that no driver has taken. */
export const WAITING: Files = {
  [`${PCI}/vendor`]: '0x1e52\n',
  [`${PCI}/device`]: '0xb140\n',
  '/proc/sys/kernel/random/boot_id': 'this-boot\n',
};
const DEVICE: Files = { ...WAITING, [`${PCI}/driver`]: { link: '../../../bus/pci/drivers/tenstorrent' } };
export const setting = (reload: string): Files => ({
  '/etc/ttkmd/ttkmd.conf': `[driver]\nreload = ${reload}\n`,
});

/** @param boot in which it was installed; null in a record of old, which does not say it */
export function record(boot: string | null = 'this-boot', driver: object | undefined = undefined): Files {
  const one = {
    version: '2.9.0',
    sourceHash: '',
    at: NOW,
    trigger: 'cli',
    seconds: 1,
    boot: boot ?? undefined,
  };
  return { '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, modules: { [A]: one }, driver }) };
}

/** 2.9.0 is on disk, by us, and 2.8.0 in the kernel, of which there is a copy. */
export const DUE: Files = {
  ...current(A, '2.9.0'),
  [MODULE]: moduleText(A, '2.9.0'),
  ...driverSource('2.9.0'),
  ...DEVICE,
  ...loadedModule('2.8.0'),
  [COPY]: moduleText(A, '2.8.0'),
};

/** The source's hash is not known before it is read: what was built is what is there. */
export function recorded(files: Files, given: Files = record()): MemoryHost {
  const host = machine({ ...files, ...given }, { machine: { runningRelease: A }, exec: fakeKernel(A) });
  settleRecord(host);
  return host;
}

function settleRecord(host: MemoryHost): void {
  const text = host.fs.readText('/var/lib/ttkmd/state.json');
  if (text === undefined) return;
  const data = JSON.parse(text) as { modules: Record<string, { version?: string }> };
  // A record of another version than the wanted one is not compared.
  for (const one of Object.values(data.modules)) one.version = 'of-old';
  host.fs.write('/var/lib/ttkmd/state.json', JSON.stringify(data));
}

export const READY: Files = { ...current(A, '2.9.0'), ...driverSource('2.9.0'), ...WAITING };

/** A run of the daemon, unless it is told otherwise. */
export function run(host: MemoryHost, policy: Partial<Policy> = {}): Promise<Report> {
  return runReconcile(host, { trigger: 'watch', ...policy });
}

export async function grown(more: Files = {}, options: KernelOptions = {}): Promise<MemoryHost> {
  let isReady = false;
  const kernel = fakeKernel(A);
  const later = fakeKernel(A, options);
  const host = machine(
    { ...gentooKernel(A), ...driverSource('2.8.0'), ...WAITING, ...setting('when-idle') },
    { machine: { runningRelease: A }, exec: (call, on) => (isReady ? later : kernel)(call, on) },
  );
  await run(host);
  isReady = true;
  host.put({ ...driverSource('2.9.0'), ...DEVICE, ...more });
  return host;
}

export const ended = ({ done }: Report): string[] =>
  done
    .filter(({ step }) => /load/i.test(step.kind))
    .map(({ step, outcome, text }) => `${step.kind} ${outcome}: ${text}`);
export const version = (host: MemoryHost) => host.fs.readText('/sys/module/tenstorrent/version')?.trim();
export const HOOK = { text: '#!/bin/sh\n', mode: 0o755 };
export const HOOKS: Files = { [`${HOOKS_FOLDER}/pre-reload`]: HOOK, [`${HOOKS_FOLDER}/post-reload`]: HOOK };
export const told = (host: MemoryHost): string[] =>
  host.exec.calls
    .filter(({ command }) => command.startsWith(HOOKS_FOLDER))
    .map(({ options }) => `${options?.env?.TTKMD_EVENT} ${options?.env?.TTKMD_OUTCOME ?? ''}`.trim());

export type ExecFunctionLike = NonNullable<KernelOptions['first']>;

export function take(host: MemoryHost): void {
  for (const [path, text] of Object.entries({
    '/proc/4711/comm': 'python3\n',
    '/proc/4711/status': 'Uid:\t0\t0\t0\t0\n',
    '/sys/module/tenstorrent/refcnt': '1\n',
  })) {
    host.fs.write(path, text);
  }
  host.fs.link('/dev/tenstorrent/0', '/proc/4711/fd/5');
}
