// A child of the daemon that hangs in the kernel: nothing is done until it has ended, and status says so.
import type { HostFs } from '../host/fs.ts';
import { startTicks } from './run.ts';

const STUCK_FILE = '/run/ttkmd/stuck.json';

export interface StuckCommand {
  readonly pid: number;
  /** The process's start in clock ticks since boot. */
  readonly started: string;
  /** When it was given up, in milliseconds since 1970. */
  readonly at: number;
}

/** Remembers it, or that there is none any more. */
export function saveStuck(
  fs: HostFs,
  command: { readonly pid: number; readonly at: number } | undefined,
): void {
  const started = command === undefined ? undefined : startTicks(fs, command.pid);
  if (started === undefined) fs.remove(STUCK_FILE);
  else fs.write(STUCK_FILE, `${JSON.stringify({ ...command, started })}\n`);
}

/** The one that hangs; undefined where none does: the word of a process that has ended counts for nothing. */
export function loadStuck(fs: HostFs): StuckCommand | undefined {
  try {
    const found = JSON.parse(fs.readText(STUCK_FILE) ?? '') as Partial<StuckCommand> | null;
    if (typeof found?.pid !== 'number' || typeof found.at !== 'number') return undefined;
    const started = startTicks(fs, found.pid);
    return started !== undefined && started === found.started
      ? { pid: found.pid, at: found.at, started }
      : undefined;
  } catch {
    return undefined;
  }
}
