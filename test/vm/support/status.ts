// What the tests ask the program in a guest.

import type { HistoryEntry } from '../../../src/state/history.ts';
import type { StatusDocument as SandboxStatus } from '../../system/support/machine.ts';
import type { Guest } from './guest.ts';

/** The part of `status --json` that the tests read. */
export type StatusDocument = Omit<SandboxStatus, 'kernels' | 'driver'> & {
  kernels: (SandboxStatus['kernels'][number] & { running: boolean })[];
  driver: SandboxStatus['driver'] & { loaded: string | null; holders: { pid: number; name: string }[] };
  devices: { address: string; family: string; driver: string | null; numaNode: number | null }[];
  hugepages: object | null;
};

export async function statusOf(guest: Guest): Promise<StatusDocument> {
  const { stdout } = await guest.run('ttkmdctl status --json', { allowFailure: true });
  return JSON.parse(stdout) as StatusDocument;
}

/** The file that `ttkmdctl history` reads, which under emulation would take two seconds each time. */
export async function historyOf(guest: Guest): Promise<HistoryEntry[]> {
  // Before anything was done there is none.
  const { stdout } = await guest.run('cat /var/lib/ttkmd/history.jsonl 2>/dev/null || true');
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as HistoryEntry);
}

/** Each kernel's module state by release. */
export function statesOf(status: StatusDocument): Record<string, string> {
  return Object.fromEntries(status.kernels.map(({ release, module }) => [release, module.state]));
}
