// Which modules packages may own, and what that leaves of our own records.
import type { DkmsObservation } from '../dkms/tree.ts';
import { strayModules } from '../driver/installed.ts';
import { isSame, type PackagedModule } from '../driver/packaged.ts';
import type { HostFs } from '../host/fs.ts';
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
 * What is remembered, without what a package has replaced: where dkms has let go of a kernel and a package has a
 * module for it, nothing there is ours any more.
 */
export function withoutPackaged(
  state: State,
  dkms: DkmsObservation,
  packaged: readonly PackagedModule[],
): State {
  const gone = new Set(packaged.map(({ release }) => release).filter((release) => !isLinked(dkms, release)));
  if (gone.size === 0) return state;
  const rest = <T>(records: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(records).filter(([release]) => !gone.has(release)));
  return { ...state, modules: rest(state.modules), failures: rest(state.failures) };
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
