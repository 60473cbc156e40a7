// Which module files of a kernel were put there by dkms or by us: known by their content, since names prove nothing.
import { builtFor, builtModules } from '../dkms/tree.ts';
import { strayModules } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { fileHash } from '../host/hash.ts';
import type { Work } from './work.ts';

/**
 * SHA-256 of each module that is ours for a release: what dkms has built, which it copies as it is, what was
 * installed last, and what a run knew that was killed after it had replaced the one and not yet the other.
 */
export function ownHashes({ host, observation, state }: Work, release: string): string[] {
  const built = builtFor(observation.dkms, PACKAGE, release).flatMap(({ folder }) =>
    builtModules(host.fs, folder),
  );
  const known = state.intent?.release === release ? (state.intent.own ?? []) : [];
  const last = state.modules[release]?.file;
  const hashes = [...built.map((path) => fileHash(host.fs, path)), last, ...known];
  return [...new Set(hashes.filter((hash) => hash !== undefined))];
}

/** Removes the module files of a release that have such a content, and no others. */
export function removeOwnCopies({ host, observation }: Work, release: string, own: readonly string[]): void {
  const observed = observation.modules.get(release)?.path;
  const paths = new Set([...strayModules(host.fs, release), ...(observed === undefined ? [] : [observed])]);
  for (const path of paths) {
    const hash = fileHash(host.fs, path);
    if (hash !== undefined && own.includes(hash)) host.fs.remove(path);
  }
}
