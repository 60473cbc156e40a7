// Keeps an eye on the mount of the hugepages where they are wanted and mounted: somebody may unmount them.

/** Watches a mount once; calls back when it has gone (true) or can be watched no longer (false). */
export type WatchMount = (path: string, onEnd: (hasGone: boolean) => void) => () => void;

/** Milliseconds until it is watched again where that was not possible: longer each time, up to an hour. */
const FIRST_WAIT = 60_000;
const LONGEST_WAIT = 60 * 60_000;

export interface MountVigil {
  /** @param path what was found mounted as it is wanted; undefined where nothing is */
  follow(path: string | undefined): void;
  end(): void;
}

export function createMountVigil(watch: WatchMount, onGone: () => void): MountVigil {
  let watched: string | undefined;
  let stop: (() => void) | undefined;
  let again: NodeJS.Timeout | undefined;
  let wait = FIRST_WAIT;

  function end(): void {
    watched = undefined;
    stop?.();
    stop = undefined;
    clearTimeout(again);
  }

  function begin(path: string): void {
    stop = watch(path, (hasGone) => {
      stop = undefined;
      if (hasGone) {
        // The look that follows says whether there is something to watch again.
        watched = undefined;
        wait = FIRST_WAIT;
        onGone();
        return;
      }
      again = setTimeout(begin, wait, path);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    });
  }

  return {
    follow(path) {
      if (path === watched) return;
      end();
      watched = path;
      if (path !== undefined) begin(path);
    },
    end,
  };
}
