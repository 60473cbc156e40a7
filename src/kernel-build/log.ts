// The log of a stage, and the lines in it that may say why it failed.
import type { Host } from '../host/host.ts';

export const KERNEL_LOGS = '/var/log/ttkmd/kernels';

/** Lines that are kept in memory before they are written to the log. */
const LOG_CHUNK = 200;

export interface Log {
  readonly path: string;
  /** Lines that may speak of an error. */
  readonly telling: readonly string[];
  line(text: string): void;
  flush(): void;
}

/** Each stage of each tree has its own, begun anew with each try. */
export function createLog({ fs }: Pick<Host, 'fs'>, path: string): Log {
  const telling: string[] = [];
  let rest: string[] = [];
  fs.write(path, '');
  const flush = (): void => {
    if (rest.length > 0) fs.append(path, `${rest.join('\n')}\n`);
    rest = [];
  };
  return {
    path,
    telling,
    flush,
    line(text) {
      rest.push(text);
      if (/error|\*\*\*|not found|no space|no such file|no rule|memory|killed/i.test(text))
        telling.push(text);
      if (rest.length >= LOG_CHUNK) flush();
    },
  };
}
