// What is not as one would expect where pages are counted. Pure.
import type { FedDevice } from './demand.ts';
import type { HugepageNode } from './hugepages.ts';

/** Only where there is a choice of nodes does anybody care. */
export function homeNotes(
  devices: readonly FedDevice[],
  nodes: readonly HugepageNode[],
  homes: readonly number[],
): string[] {
  if (nodes.length < 2) return [];
  const notes = devices.flatMap(({ node }, index) => {
    const home = nodes[homes[index] ?? 0]?.node;
    if (node === home) return [];
    const count = devices.filter((one) => one.node === node).length;
    const who = count === 1 ? 'a device' : `${count} devices`;
    const why =
      node === undefined
        ? `the machine names no node for ${who}`
        : `${who} on node ${node}, which has no memory`;
    return [`${why}: the pages are taken from node ${home}`];
  });
  return [...new Set(notes)];
}

export function awayNote(away: number): string {
  return away === 1
    ? '1 device is given to another driver: no pages are counted for it'
    : `${away} devices are given to other drivers: no pages are counted for them`;
}
