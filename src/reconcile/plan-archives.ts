// Which kernels' build trees are kept in an archive, within the room that there is for them. Pure.
import type { KernelArchive } from '../kernels/archive.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './plan.ts';
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
  const room = fitting({ observation, kernels });
  const isPatient = trigger === 'cli' || trigger === 'timer';
  const drops = kernels.flatMap(({ kernel: { release } }) => {
    const archive = archives.get(release);
    return archive === undefined || room.has(release) ? [] : [drop(archive, NO_ROOM)];
  });
  const due = chosen.filter((one) => isWanted(observation, one) && isDue(observation, one, room, isPatient));
  return [...drops, ...due.map(({ kernel: { release } }): Step => ({ kind: 'archive', release }))];
}

const NO_ROOM = 'there is no room for it within kernels.archive_size';

function isWanted({ restless }: Observation, judged: KernelJudgement): boolean {
  return isPossible(judged) && !restless.has(judged.kernel.release);
}

/** Whether an archive of a kernel's build tree could be made, and would be of use. */
function isPossible(judged: KernelJudgement): boolean {
  const { kind, buildTree } = judged.kernel;
  return (kind === 'installed' || kind === 'headers-only') && buildTree.ready && isOfUse(judged);
}

/** Nothing is built for a kernel that cannot or shall not have the driver, whatever module it has. */
function isOfUse({ state }: KernelJudgement): boolean {
  return state !== 'unsupported';
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
 * Releases whose archives fit into the room: the running kernel comes first, then the newest, and at last those that
 * nothing is built from as things are; what is too big for what is left makes way for the next.
 */
export function fitting({ observation, kernels }: Pick<Judgement, 'observation' | 'kernels'>): Set<string> {
  const { archives, config, state } = observation;
  const rank = (judged: KernelJudgement): number => (!isOfUse(judged) ? 2 : judged.kernel.running ? 0 : 1);
  const ordered = [...kernels].sort((one, other) => rank(one) - rank(other));
  let left = config.kernels.archiveSize;
  const room = new Set<string>();
  for (const judged of ordered) {
    const { release, abiIdentity } = judged.kernel;
    const record = state.archives?.[release];
    // What is never made needs no room.
    const isKnown = record?.abiIdentity === abiIdentity && isPossible(judged);
    const known = isKnown ? record?.bytes : undefined;
    const bytes = archives.get(release)?.bytes ?? known;
    if (bytes === undefined || bytes > left) continue;
    left -= bytes;
    room.add(release);
  }
  return room;
}
