// One bootstrap at a time, and no taking back in the middle of one.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { createLock } from '../host/lock.ts';

const LOCK_PATH = '/run/ttkmd/bootstrap.lock';

/** @throws TtkmdError at once where somebody else holds it: a bootstrap takes longer than anybody waits for */
export async function takeBootstrapLock(host: Host): Promise<{ release(): void }> {
  const lock = await createLock(host.fs.outer(LOCK_PATH)).acquire(0);
  if (lock !== undefined) return lock;
  throw new TtkmdError(
    'bootstrap-running',
    'Another bootstrap is at work.',
    'Wait for its end; its log is the newest in /var/log/ttkmd.',
    EXIT.locked,
  );
}
