// The log of the newest bootstrap.
import type { HostFs } from '../host/fs.ts';

export const LOG_FOLDER = '/var/log/ttkmd';

/** Undefined where there has been none. */
export function newestLog(fs: HostFs): string | undefined {
  const name = fs
    .list(LOG_FOLDER)
    .filter((one) => /^bootstrap-.*\.log$/.test(one))
    .at(-1);
  return name === undefined ? undefined : `${LOG_FOLDER}/${name}`;
}
