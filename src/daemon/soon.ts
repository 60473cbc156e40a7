// What is asked for often within a moment, and is to be done once, when that moment is over.

export interface Soon {
  ask(): void;
  /** What was asked for and is not done yet is dropped, and whatever is asked for later. */
  end(): void;
}

/** @param wait milliseconds from the first time that it is asked for */
export function createSoon(wait: number, act: () => unknown): Soon {
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  return {
    ask() {
      if (over) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        act();
      }, wait);
    },
    end() {
      over = true;
      clearTimeout(timer);
    },
  };
}
