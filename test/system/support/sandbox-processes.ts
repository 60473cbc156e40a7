// What runs in a sandbox's mount namespace.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { AliveProcess } from './sandbox-options.ts';

/**
 * Everything that runs inside, the sandbox's own helper left out.
 * @param namespace the mount namespace, as the links in /proc name it
 */
export function processesIn(namespace: string, helper: number): AliveProcess[] {
  const alive: AliveProcess[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === helper) continue;
    try {
      if (readlinkSync(`/proc/${pid}/ns/mnt`) !== namespace || isLeash(pid, helper)) continue;
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      alive.push({ pid, name, command });
    } catch {
      // It ended while we looked, or is a zombie, which has no namespace any more.
    }
  }
  return alive;
}

// The `cat` at which the helper waits.
function isLeash(pid: number, helper: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(helper);
}

/** A file of a process in /proc; empty where the process has gone, which it may do between two looks. */
export function processText(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

export function describe(processes: readonly AliveProcess[]): string {
  return processes.map((one) => `${one.pid} ${one.command || one.name}`).join('; ');
}
