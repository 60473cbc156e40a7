// How long a child is waited for: one that shows no sign of life is ended, and one that does not even end then hangs
// in the kernel, where no signal reaches it. It is not waited for any more, and nothing else is done beside it.
import type { OwnCommand } from '../host/own-command.ts';

/** How often signs of life are looked for, in milliseconds. */
const CHECK = 60_000;

/** Milliseconds for what was told to end, and is killed where it does not. */
export const STOP_GRACE = 25_000;

export interface Patience {
  /** Milliseconds without a sign of life after which a child is ended. */
  readonly mostQuiet: () => number;
  /** Another word whenever there was a sign of life. */
  readonly sign: () => string;
  /** It was told to end, and has not. */
  readonly onGivenUp: () => void;
}

/**
 * Watches over a child until it has ended. Time is counted in timers' time, which stands still while the machine
 * sleeps.
 */
export function watchOver(command: OwnCommand, { mostQuiet, sign, onGivenUp }: Patience): void {
  let quiet = 0;
  let last = sign();
  let giveUp: NodeJS.Timeout | undefined;
  const check = setInterval(() => {
    const now = sign();
    quiet = now === last ? quiet + CHECK : 0;
    last = now;
    if (quiet <= mostQuiet()) return;
    clearInterval(check);
    command.stop();
    giveUp = setTimeout(onGivenUp, STOP_GRACE);
  }, CHECK);
  void command.ended.then(() => {
    clearInterval(check);
    clearTimeout(giveUp);
  });
}

/** Ends with what is waited for, or after so many milliseconds. */
export function atMost(ms: number, awaited: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    awaited.then(end, end);
  });
}
