// Machines that want pages of 1 GiB, and a run on them.

import type { Host } from '../../../src/host/host.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import type { Report } from '../../../src/reconcile/reconcile.ts';
import { BOOT, card, MACHINE_POOL, mounted, NOT_MOUNTED } from './hugepages.ts';
import { current, driverSource, type Files, machine, modinfo } from './machines.ts';
import type { MemoryHost, MemoryHostOptions } from './memory-host.ts';
import { runReconcile } from './run-reconcile.ts';

export const A = '6.12.58-gentoo-dist';
export const B = '6.12.60-gentoo-dist';
const LOADED: Files = { '/sys/module/tenstorrent/version': '2.9.0\n' };
const REST: Files = { ...current(A, '2.9.0'), ...driverSource('2.9.0'), ...LOADED, ...BOOT };
export const NO_POOL: Files = {
  [MACHINE_POOL]: { folder: true },
  [`${MACHINE_POOL}/nr_hugepages`]: { link: '/nowhere' },
};
export const CARD = card(1, 'blackhole', { node: 0 });
export const TWO = { ...CARD, ...card(2, 'wormhole', { node: 1 }) };
export const MOUNT = 'mount /dev/hugepages-1G';

export function hostWith(files: Files, settings = '', options: MemoryHostOptions = {}): MemoryHost {
  return machine(
    { ...REST, ...NOT_MOUNTED, '/etc/ttkmd/ttkmd.conf': `[hugepages]\n${settings}\n`, ...files },
    { machine: { runningRelease: A }, ...options },
  );
}

export function run(host: Host, policy: Partial<Policy> = {}, dryRun = false): Promise<Report> {
  return runReconcile(host, { part: 'hugepages', ...policy }, { dryRun });
}

/** A host whose mount(8) mounts; nothing else is asked of it. */
export function working(
  files: Files,
  settings = '',
  mount: { code: number; stderr?: string } = { code: 0 },
): MemoryHost {
  const host: MemoryHost = hostWith(files, settings, {
    exec(call, on) {
      if (call.command === 'modinfo') return modinfo(call, on);
      // Nobody writes to any tree.
      if (call.command === 'find') return '';
      if (call.command !== 'mount') return undefined;
      if (mount.code === 0) host.put(mounted());
      return mount;
    },
  });
  return host;
}
