// Modules that are in place and that dkms does not take for installed, though it could know them.
import { builtFor, builtModules, type DkmsObservation } from '../dkms/tree.ts';
import { PACKAGE } from '../driver/sources.ts';
import type { HostFs } from '../host/fs.ts';
import { fileHash } from '../host/hash.ts';
import type { State } from '../state/state.ts';
import type { ObservedModule } from './observation.ts';

/**
 * For each release whose module dkms has no live link for: the version that the module is, by its content. It is
 * what dkms has built, or where dkms has built nothing, what was installed through dkms last. A link that is missing
 * makes dkms say that the module is only built, or nothing at all.
 */
export function observeUnrecorded(
  fs: HostFs,
  dkms: DkmsObservation,
  modules: ReadonlyMap<string, ObservedModule>,
  state: State,
): Map<string, string> {
  const linked = new Set(dkms.active.filter((link) => !link.dangling).map((link) => link.release));
  const found = new Map<string, string>();
  for (const [release, { path }] of modules) {
    if (linked.has(release)) continue;
    const built = builtFor(dkms, PACKAGE, release);
    const last = state.modules[release];
    if (built.length === 0 && last?.file === undefined) continue;
    const hash = fileHash(fs, path);
    const same = built.find(({ folder }) =>
      builtModules(fs, folder).some((one) => fileHash(fs, one) === hash),
    );
    const isLast = built.length === 0 && last?.file === hash;
    const version = same?.version ?? (isLast ? last?.version : undefined);
    if (version !== undefined) found.set(release, version);
  }
  return found;
}
