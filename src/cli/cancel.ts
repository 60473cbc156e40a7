// `ttkmdctl cancel`: ends a run that somebody else started.
import { EXIT, TtkmdError } from '../host/errors.ts';
import { runUnderWay } from '../state/run.ts';
import { type GlobalOptions, openContext } from './context.ts';

/** Milliseconds to wait for the run to end. */
const PATIENCE = 20_000;
const POLL = 100;

export async function cancel(options: GlobalOptions): Promise<number> {
  const { host, terminal } = openContext(options);
  const run = runUnderWay(host.fs);
  if (run === undefined) {
    terminal.line('nothing to cancel: no run is under way');
    return EXIT.ok;
  }
  try {
    process.kill(run.pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') {
      terminal.line(`nothing to cancel: the run of pid ${run.pid} has just ended by itself`);
      return EXIT.ok;
    }
    throw new TtkmdError(
      'not-root',
      `The run of pid ${run.pid} (trigger ${run.trigger}) belongs to root.`,
      'as root: ttkmdctl cancel',
      EXIT.rights,
    );
  }
  for (let waited = 0; waited < PATIENCE; waited += POLL) {
    if (runUnderWay(host.fs)?.pid !== run.pid) {
      terminal.line(
        `cancelled the run of pid ${run.pid} (trigger ${run.trigger}); nothing half-built is left`,
      );
      return EXIT.ok;
    }
    await host.clock.sleep(POLL);
  }
  throw new TtkmdError(
    'cancel-failed',
    `The run of pid ${run.pid} has not ended after ${PATIENCE / 1000} s.`,
    `as root: kill -9 ${run.pid}. That is safe, the next reconcile mends what it leaves; what it waits for: cat /proc/${run.pid}/stack`,
    EXIT.stepFailed,
  );
}
