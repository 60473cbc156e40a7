// Which modules packages may own, and what that leaves of our own records.
import type { DkmsObservation } from '../dkms/tree.ts';
import { strayModules } from '../driver/installed.ts';
import { isSame, type PackagedModule } from '../driver/packaged.ts';
import type { HostFs } from '../host/fs.ts';
import { fileHash } from '../host/hash.ts';
import type { State } from '../state/state.ts';
import type { ObservedModule } from './observation.ts';

/** The path of each release's module of which neither dkms nor we know who has put it there. */
export function unclaimedModules(
  dkms: DkmsObservation,
  modules: ReadonlyMap<string, ObservedModule>,
  state: State,
): Map<string, string> {
  const claimed = (release: string): boolean => release in state.modules || isLinked(dkms, release);
  return new Map([...modules].flatMap(([release, { path }]) => (claimed(release) ? [] : [[release, path]])));
}

/**
 * What is remembered, without what packages have replaced. Where dkms has let go of a kernel and a package has a
 * module for it, nothing there is ours any more; nor is a module of another content than ours had, where Portage has
 * the driver: it leaves in /lib/modules what it has once installed.
 */
export function withoutPackaged(
  fs: HostFs,
  state: State,
  seen: {
    readonly dkms: DkmsObservation;
    readonly modules: ReadonlyMap<string, ObservedModule>;
    readonly packaged: readonly PackagedModule[];
  },
): State {
  const { dkms, modules, packaged } = seen;
  const isPortages = packaged.some(({ manager }) => manager === 'portage');
  const isReplaced = (release: string): boolean => {
    if (isLinked(dkms, release)) return false;
    if (packaged.some((one) => one.release === release)) return true;
    const path = modules.get(release)?.path;
    return isPortages && path !== undefined && fileHash(fs, path) !== state.modules[release]?.file;
  };
  const rest = <T>(records: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(records).filter(([release]) => !isReplaced(release)));
  return packaged.length === 0
    ? state
    : { ...state, modules: rest(state.modules), failures: rest(state.failures) };
}

/** By release, the modules of ours that lie beside one of a package. */
export function besidePackaged(fs: HostFs, packaged: readonly PackagedModule[]): Map<string, string[]> {
  const found = packaged.map(({ release }): [string, string[]] => {
    const owned = packaged.filter((one) => one.release === release);
    const others = strayModules(fs, release).filter((path) => !owned.some((one) => isSame(one.path, path)));
    return [release, others];
  });
  return new Map(found.filter(([, others]) => others.length > 0));
}

function isLinked({ active }: DkmsObservation, release: string): boolean {
  return active.some((link) => link.release === release && !link.dangling);
}
