// Which process the daemon is, for whoever has to end one that no service started.
import type { HostFs } from '../host/fs.ts';
import { startTicks } from './run.ts';

export const DAEMON_FILE = '/run/ttkmd/daemon.json';

/** Tells which it is: the process that asks. */
export function announceDaemon(fs: HostFs): void {
  fs.write(DAEMON_FILE, `${JSON.stringify({ pid: process.pid, started: startTicks(fs, process.pid) })}\n`);
}

/** The daemon's process; undefined where none runs: the word of a process that has ended counts for nothing. */
export function daemonProcess(fs: HostFs): number | undefined {
  try {
    const { pid, started } = JSON.parse(fs.readText(DAEMON_FILE) ?? '') as Record<string, unknown>;
    return typeof pid === 'number' && started !== undefined && startTicks(fs, pid) === started
      ? pid
      : undefined;
  } catch {
    return undefined;
  }
}
