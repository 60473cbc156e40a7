// The driver in the running kernel, as sysfs shows it.
import type { HostFs } from '../host/fs.ts';
import type { LoadedDriver } from './driver.ts';
import { PACKAGE } from './sources.ts';

/** The loaded module, or undefined where none is loaded. */
export function observeLoaded(fs: HostFs): LoadedDriver | undefined {
  const folder = `/sys/module/${PACKAGE}`;
  if (!fs.exists(folder)) return undefined;
  const read = (name: string): string | undefined => fs.readText(`${folder}/${name}`)?.trim() || undefined;
  return { version: read('version'), sourceVersion: read('srcversion'), users: Number(read('refcnt') ?? 0) };
}
