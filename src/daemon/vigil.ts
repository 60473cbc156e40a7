// Watches over a run of somebody else until it has ended: one that is killed takes nothing back, and no file changes.
import type { HostFs } from '../host/fs.ts';
import { isRunAnnounced, runUnderWay } from '../state/run.ts';

/** How often it is looked while such a run is under way, in milliseconds: two small files each time. */
const EVERY = 10_000;

export interface VigilParts {
  /** No child of the daemon's is at work. */
  readonly isIdle: () => boolean;
  /** Whether a process is a child of the daemon's, whose end it hears of anyway. */
  readonly isOurs: (pid: number) => boolean;
  /** A run of another has ended, and has said so. */
  readonly onEnd: () => void;
  /** It was killed, and may have left its work half done. */
  readonly onKilled: () => void;
}

export interface Vigil {
  /** To be called whenever a run may have begun or ended. */
  look(): void;
  end(): void;
}

/** Has a timer only while a run of another is under way. */
export function createVigil(fs: HostFs, { isIdle, isOurs, onEnd, onKilled }: VigilParts): Vigil {
  let timer: NodeJS.Timeout | undefined;

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  function look(): void {
    const run = runUnderWay(fs);
    const waited = timer !== undefined;
    stop();
    if (run !== undefined && isOurs(run.pid)) return;
    // What the daemon is at may have begun before the other's end.
    if (run !== undefined || (waited && !isIdle())) {
      timer = setTimeout(look, EVERY);
      return;
    }
    if (!isIdle()) return;
    if (isRunAnnounced(fs)) onKilled();
    else onEnd();
  }

  return { look, end: stop };
}
