// The pages of 1 GiB in the documented object that `status --json` prints.
import type { Judgement } from './judgement.ts';

/** Null where this system is looked at from outside or in a chroot. */
export function hugepagesDocument({ hugepages, observation }: Judgement): object | null {
  const seen = observation.hugepages;
  if (hugepages === undefined || seen === undefined) return null;
  const { demand, nodes, present, mount } = hugepages;
  return {
    mode: observation.config.hugepages.mode,
    demand: demand.total,
    present,
    why: demand.why,
    notes: demand.notes,
    supported: seen.lack === undefined,
    reason: seen.lack?.text ?? null,
    override: seen.override?.pages ?? null,
    nodes: nodes.map(({ node, demand: wanted, allocated, free, givable }) => ({
      node: node ?? null,
      demand: wanted,
      allocated,
      free,
      givable,
    })),
    mount: {
      path: seen.mount.path,
      state: mount,
      reason: (mount === 'blocked' ? seen.mount.obstacle?.text : seen.mount.differences.join(', ')) || null,
    },
    advice: observation.hugepageAdvice ?? null,
  };
}
