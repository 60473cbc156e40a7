// Which kernels' build trees are kept in an archive, within the room that there is for them. Pure.
import type { KernelArchive } from '../kernels/archive.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './plan.ts';
import { rulingOption } from './ruling-option.ts';
import type { Step } from './step.ts';

/** Whether a kernel's build tree is gone, and there is an archive of it to build from. */
export function isArchived({ archives }: Pick<Observation, 'archives'>, kernel: Kernel): boolean {
  const { path, missing } = kernel.buildTree;
  const isGone = path === undefined || missing.some(({ code }) => code === 'no-makefile');
  return isGone && archives.has(kernel.release);
}

/** Whether there is something to build a kernel's module against. */
export function isBuildable(observation: Pick<Observation, 'archives'>, kernel: Kernel): boolean {
  return kernel.buildTree.ready || isArchived(observation, kernel);
}

/** A word for the archive that a kernel's module would be built from now; undefined where none is needed, or there. */
export function archiveIdentity(
  { archives, kernels }: Pick<Observation, 'archives' | 'kernels'>,
  release: string,
): string | undefined {
  const kernel = kernels.find((one) => one.release === release);
  return kernel !== undefined && isArchived({ archives }, kernel)
    ? archives.get(release)?.identity
    : undefined;
}

/** Archives to make of trees that are ready, and to drop for want of room, or of a wish for them. */
export function planArchives(
  { observation, kernels }: Judgement,
  chosen: readonly KernelJudgement[],
  { trigger, only, removed }: Policy,
): Step[] {
  const { archives, config, configWarnings } = observation;
  // What cannot be made again is not removed by a default that stands in for a setting with a mistake in it.
  if (configWarnings.length > 0) return [];
  const drop = ({ release, path }: KernelArchive, why: string): Step => ({
    kind: 'dropArchive',
    release,
    path,
    why,
  });
  if (!config.kernels.archive) {
    return only === undefined ? [...archives.values()].map((one) => drop(one, 'kernels.archive is no')) : [];
  }
  // A kernel's installation and a machine that boots have something better to do.
  if (removed || trigger === 'kernel-event' || trigger === 'boot') return [];
  const room = fitting(observation);
  const isPatient = trigger === 'cli' || trigger === 'timer';
  const drops = kernels.flatMap(({ kernel: { release } }) => {
    const archive = archives.get(release);
    return archive === undefined || room.has(release) ? [] : [drop(archive, NO_ROOM)];
  });
  const due = chosen.filter((one) => isWanted(observation, one) && isDue(observation, one, room, isPatient));
  return [...drops, ...due.map(({ kernel: { release } }): Step => ({ kind: 'archive', release }))];
}

const NO_ROOM = 'there is no room for it within kernels.archive_size';

function isWanted(observation: Observation, { kernel, state }: KernelJudgement): boolean {
  return (
    isPossible(observation, kernel) && state !== 'unsupported' && !observation.restless.has(kernel.release)
  );
}

type Possibilities = Pick<Observation, 'excluded' | 'lacks' | 'modules' | 'signing'>;

/** Whether an archive of a kernel's build tree could be made, and would be of use. */
function isPossible(observation: Possibilities, { kind, release, buildTree }: Kernel): boolean {
  const { excluded, modules, signing } = observation;
  const isThere = (kind === 'installed' || kind === 'headers-only') && buildTree.ready;
  const isRuledOut = excluded.has(release) || rulingOption(observation, release) !== undefined;
  const isUnsignable = signing.kernels.get(release)?.obstacle !== undefined && !modules.has(release);
  return isThere && !isRuledOut && !isUnsignable;
}

function isDue(
  { archives, state }: Observation,
  { kernel: { release, abiIdentity } }: KernelJudgement,
  room: ReadonlySet<string>,
  isPatient: boolean,
): boolean {
  const record = state.archives?.[release];
  if (record === undefined || record.abiIdentity !== abiIdentity) return true;
  if (record.bytes === undefined) return record.transient === true && isPatient;
  return !archives.has(release) && room.has(release);
}

/**
 * Releases whose archives fit into the room: the running kernel comes first, then the newest; what is too big for
 * what is left makes way for the next.
 */
export function fitting(
  observation: Pick<Observation, 'archives' | 'config' | 'kernels' | 'state'> & Possibilities,
): Set<string> {
  const { archives, config, kernels, state } = observation;
  const ordered = [...kernels.filter(({ running }) => running), ...kernels.filter(({ running }) => !running)];
  let left = config.kernels.archiveSize;
  const room = new Set<string>();
  for (const kernel of ordered) {
    const { release, abiIdentity } = kernel;
    const record = state.archives?.[release];
    // What is never made needs no room.
    const isKnown = record?.abiIdentity === abiIdentity && isPossible(observation, kernel);
    const known = isKnown ? record?.bytes : undefined;
    const bytes = archives.get(release)?.bytes ?? known;
    if (bytes === undefined || bytes > left) continue;
    left -= bytes;
    room.add(release);
  }
  return room;
}
