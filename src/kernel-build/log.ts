// The log of a stage, and the lines in it that may say why it failed.
import type { Host } from '../host/host.ts';

export const KERNEL_LOGS = '/var/log/ttkmd/kernels';

/** Milliseconds for which lines are kept in memory: a build prints hundreds in a second, and people follow its log. */
const LOG_DELAY = 1000;

/** What the lines have in them that the reasons are found by. */
const TELLING =
  /error|\*\*\*|not found|no space|disk space|no such file|no rule|not clean|memory|killed|chroot|on_failure/i;

export interface Log {
  /** Undefined where it cannot be written to: what fills a disk is often the very build. */
  readonly path: string | undefined;
  /** Lines that may speak of an error. */
  readonly telling: readonly string[];
  line(text: string): void;
  flush(): void;
}

/** Each stage of each tree has its own, begun anew with each try. */
export function createLog({ fs, clock }: Pick<Host, 'fs' | 'clock'>, path: string): Log {
  const telling: string[] = [];
  let rest: string[] = [];
  let written = clock.now();
  let whole = true;
  /** That there is no room for its log is no reason for a build to end. */
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch {
      whole = false;
    }
  };
  attempt(() => fs.write(path, ''));
  const flush = (): void => {
    if (rest.length > 0) attempt(() => fs.append(path, `${rest.join('\n')}\n`));
    rest = [];
    written = clock.now();
  };
  return {
    get path() {
      return whole ? path : undefined;
    },
    telling,
    flush,
    line(text) {
      rest.push(text);
      if (TELLING.test(text)) telling.push(text);
      if (clock.now() - written >= LOG_DELAY) flush();
    },
  };
}
