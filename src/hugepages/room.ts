// How many more pages the memory allows, with what is to be kept free for the machine. Pure.
import { type HugepageNode, PAGE } from './hugepages.ts';

/**
 * How many pages each node is to get on top of what it has.
 * @param missing what each node lacks
 * @param keepFree bytes that stay free: on the machine, and a fair share of them on each node, since the kernel takes
 * what it needs from a certain one
 */
export function roomFor(
  nodes: readonly HugepageNode[],
  missing: readonly number[],
  keepFree: number,
): number[] {
  const share = keepFree / Math.max(1, nodes.filter(({ memory }) => memory > 0).length);
  const available = nodes.reduce((sum, one) => sum + one.available, 0);
  let left = wholePages(available - keepFree);
  return nodes.map((one, index) => {
    const room = Math.min(missing[index] ?? 0, wholePages(one.available - share), left);
    left -= room;
    return room;
  });
}

function wholePages(bytes: number): number {
  return Math.max(0, Math.floor(bytes / PAGE));
}
