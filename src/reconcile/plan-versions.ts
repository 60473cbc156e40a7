// Driver versions that no kernel will use any more: out of dkms's records, and beyond some number out of /usr/src. Pure.
import type { Judgement } from './judgement.ts';
import { moduleVersion } from './module-version.ts';
import type { Observation } from './observation.ts';
import type { Step } from './step.ts';

/**
 * Versions that no kernel uses once the steps before are done. Their sources stay, to go back to; beyond
 * `driver.keep_old` of them, those go that a bootstrap of ours has brought, and no others.
 */
export function planOldVersions(
  judgement: Judgement,
  builds: readonly Step[],
  forgets: readonly string[],
): Step[] {
  const { observation, driver } = judgement;
  const { source } = driver;
  if (source === undefined) return [];
  const moving = new Set(builds.flatMap((step) => (step.kind === 'install' ? [step.release] : [])));
  const leaves = (release: string): boolean => moving.has(release) || forgets.includes(release);
  const unregistered = observation.dkms.versions
    .filter((version) => version.version !== source.version)
    .filter((version) =>
      observation.dkms.active
        .filter((link) => link.version === version.version && !link.dangling)
        .every((link) => leaves(link.release)),
    )
    .map(({ version }): Step => ({ kind: 'unregister', version }));
  return [...unregistered, ...planOldSources(judgement, source.version, leaves)];
}

function planOldSources(
  { driver, observation }: Judgement,
  wanted: string,
  leaves: (release: string) => boolean,
): Step[] {
  // The default stands in for a setting with a mistake in it, and is nobody's word for a removal.
  if (observation.configWarnings.length > 0) return [];
  // The newest first: what comes after the wanted one is older.
  const usable = driver.sources.filter(({ refused }) => refused === undefined);
  const older = usable.slice(usable.findIndex(({ version }) => version === wanted) + 1);
  return older
    .slice(observation.config.driver.keepOld)
    .filter(({ path }) => observation.ownSources.has(path))
    .filter(({ version }) => !usersOf(observation, version).some((release) => !leaves(release)))
    .map(({ version, path }): Step => ({ kind: 'removeSource', version, path }));
}

/** Kernels whose module is of a version, or that dkms takes for such. */
export function usersOf(
  observation: Pick<Observation, 'modules' | 'state' | 'dkms'>,
  version: string,
): string[] {
  const installed = [...observation.modules.keys()].filter(
    (release) => moduleVersion(observation, release) === version,
  );
  const linked = observation.dkms.active.filter((link) => link.version === version && !link.dangling);
  return [...new Set([...installed, ...linked.map(({ release }) => release)])];
}
