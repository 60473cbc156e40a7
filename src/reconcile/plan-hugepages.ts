// What to do about the pages of 1 GiB. Pure: no I/O and no clock.
import type { Judgement } from './judgement.ts';
import type { Policy } from './plan.ts';
import type { Step } from './step.ts';

/**
 * Pages are raised and never lowered by itself: whoever uses them, or had them made, is not to lose them. A kernel's
 * installation is no time to move memory about, and a run for another kernel than the running one has nothing to do
 * with them. What could not be had is tried again by a person and at boot alone: each try moves memory about.
 */
export function planHugepages({ hugepages, observation }: Judgement, policy: Policy): Step[] {
  const { trigger, only, removed, giveBack = false } = policy;
  const seen = observation.hugepages;
  if (hugepages === undefined || seen === undefined || removed || trigger === 'kernel-event') return [];
  if (only !== undefined && only !== observation.runningRelease) return [];
  const { nodes, mount, demand } = hugepages;
  const isAlone = trigger === 'watch' || trigger === 'timer';
  const raises = nodes.flatMap(({ node, folder, allocated, room, inVain, demand: wanted }): Step[] =>
    folder === undefined || room === 0 || (isAlone && inVain)
      ? []
      : [{ kind: 'allocateHugepages', node, folder, to: allocated + room, demand: wanted }],
  );
  const returns = nodes.flatMap(({ node, folder, givable, demand: wanted }): Step[] =>
    folder === undefined || givable === 0 || !giveBack
      ? []
      : [{ kind: 'returnHugepages', node, folder, count: givable, demand: wanted }],
  );
  const isMountable =
    mount === 'missing' && seen.lack === undefined && demand.total > 0 && !(isAlone && hugepages.mountInVain);
  const { path, options } = seen.mount;
  const mounts: Step[] = isMountable ? [{ kind: 'mountHugepages', path, options }] : [];
  return [...returns, ...raises, ...mounts];
}
