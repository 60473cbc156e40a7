// Which boot of the machine this is: what was true of the kernel in another one counts for nothing.
import type { HostFs } from './fs.ts';

/** A word for this boot of the machine; empty where it cannot be told. */
export function bootIdentity(fs: HostFs): string {
  return fs.readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}
