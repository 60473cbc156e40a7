// Waits for the lock, and shows meanwhile what the run that holds it does.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { HeldLock } from '../host/lock.ts';
import { followEvents, runUnderWay } from '../state/run.ts';
import type { ReconcileOptions } from './reconcile.ts';

export async function takeLock(
  host: Host,
  options: ReconcileOptions,
): Promise<{ lock: HeldLock | undefined; waited: boolean }> {
  const { patience, signal } = options;
  const free = await host.lock.acquire(0, signal);
  if (free !== undefined || signal.aborted) return { lock: free, waited: false };
  const other = runUnderWay(host.fs);
  options.onWait(other);
  const watching = new AbortController();
  const watched = followEvents(host, options.onEvent, watching.signal);
  try {
    const lock = await host.lock.acquire(patience, signal);
    if (lock !== undefined || signal.aborted) return { lock, waited: true };
  } finally {
    watching.abort();
    await watched;
  }
  const who = other === undefined ? 'another ttkmd' : `pid ${other.pid} (trigger ${other.trigger})`;
  throw new TtkmdError(
    'lock-held',
    `Another reconcile, ${who}, is still at work after ${Math.round(patience / 1000)} s of waiting.`,
    'wait longer with --wait, or end it, as root: ttkmdctl cancel. Who it is: ttkmdctl status',
    EXIT.locked,
  );
}
