// The driver in the running kernel, as sysfs shows it.
import type { HostFs } from '../host/fs.ts';
import type { LoadedDriver } from './driver.ts';
import { PACKAGE } from './sources.ts';

/** The loaded module, or undefined where none is loaded. */
export function observeLoaded(fs: HostFs): LoadedDriver | undefined {
  const folder = `/sys/module/${PACKAGE}`;
  if (!fs.exists(folder)) return undefined;
  const read = (name: string): string | undefined => fs.readText(`${folder}/${name}`)?.trim() || undefined;
  const taint = fs.readText(`${folder}/taint`)?.trim();
  return {
    version: read('version'),
    sourceVersion: read('srcversion'),
    users: Math.max(0, Number(read('refcnt') ?? 0)),
    // The kernel counts -1 from the moment when nobody can take hold of it any more (module_refcount()).
    going: read('initstate') === 'going' || Number(read('refcnt') ?? 0) < 0,
    removable: read('refcnt') !== undefined,
    // O is what the kernel puts down for a module that is not of its tree.
    inTree: taint !== undefined && !taint.includes('O'),
  };
}
