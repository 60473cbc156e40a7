// Before the program goes: a daemon that no service started is not to run on without it.
import { EXIT, TtkmdError } from '../host/errors.ts';
import { daemonProcess } from '../state/daemon-process.ts';
import type { Context } from './context.ts';

/** Milliseconds for the daemon to end what it does in good order. */
const PATIENCE = 30_000;
const POLL = 100;

/** @throws TtkmdError where it does not end */
export async function endDaemon({ host, terminal }: Context): Promise<void> {
  const pid = daemonProcess(host.fs);
  // Root alone may end it, and may take the program off.
  if (pid === undefined || host.machine.effectiveUser !== 0) return;
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    return;
  }
  for (let waited = 0; waited < PATIENCE; waited += POLL) {
    if (daemonProcess(host.fs) !== pid) {
      terminal.line(`ended the daemon, pid ${pid}, which no service had started`);
      return;
    }
    await host.clock.sleep(POLL);
  }
  throw new TtkmdError(
    'daemon-runs',
    `The daemon, pid ${pid}, has not ended after ${PATIENCE / 1000} s; nothing was taken off.`,
    `as root: kill -9 ${pid}, and then again: ttkmdctl uninstall; what it waits for: cat /proc/${pid}/stack`,
    EXIT.stepFailed,
  );
}
