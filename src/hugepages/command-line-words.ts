// What the kernel command line says of pages of 1 GiB, and what it is to say. Pure.
import type { GivenPages, HugepageNode } from './hugepages.ts';

/** From 5.16 on `hugepages=` takes a number for each node (admin-guide/kernel-parameters.txt). */
const PER_NODE: readonly [number, number] = [5, 16];

const NONE: GivenPages = { nodes: {}, total: 0 };

/**
 * The words that ask for the pages: for each node, where the kernel can and there is more than one. They replace those
 * that are there, which may be for somebody else: nobody is to lose pages by them.
 */
export function commandLineWords(
  nodes: readonly HugepageNode[],
  pages: readonly number[],
  release: string | undefined,
  given: GivenPages = NONE,
): string {
  const shares = shareOut(nodes, given.total);
  const counts = nodes.map(({ node }, index) => ({
    node,
    count: Math.max(pages[index] ?? 0, given.nodes[node ?? 0] ?? 0, shares[index] ?? 0),
  }));
  const wanted = counts.filter(({ count }) => count > 0);
  if (nodes.length > 1 && takesNodes(release)) {
    return `hugepagesz=1G hugepages=${wanted.map(({ node, count }) => `${node}:${count}`).join(',')}`;
  }
  const sum = (all: readonly number[]): number => all.reduce((one, other) => one + other, 0);
  // Where nodes are not told apart, a total stands for all of them.
  const apart = nodes.map(({ node }, index) => Math.max(pages[index] ?? 0, given.nodes[node ?? 0] ?? 0));
  return `hugepagesz=1G hugepages=${Math.max(given.total, sum(apart))}`;
}

/** As the kernel does it: evenly over the nodes that have memory. */
function shareOut(nodes: readonly HugepageNode[], total: number): number[] {
  const count = nodes.filter(({ memory }) => memory > 0).length;
  return nodes.map(({ memory }) => (memory > 0 ? Math.ceil(total / count) : 0));
}

function takesNodes(release: string | undefined): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release ?? '') ?? [];
  const [first, second] = PER_NODE;
  return Number(major) > first || (Number(major) === first && Number(minor) >= second);
}

/** The words of a command line that are about pages of 1 GiB, and what they ask for. */
export function parseCommandLine(line: string): { readonly present: string | undefined; given: GivenPages } {
  const words = line
    .trim()
    .split(/\s+/)
    .flatMap((word) => {
      const [, name = '', value = ''] = /^(default_hugepagesz|hugepagesz|hugepages)=(\S*)$/i.exec(word) ?? [];
      return name === '' ? [] : [{ word, name: name.toLowerCase(), value }];
    });
  // A number belongs to the size before it, or where there is none, to the default.
  let size = words.find(({ name }) => name === 'default_hugepagesz')?.value ?? '';
  const ours: string[] = [];
  let given = NONE;
  for (const { word, name, value } of words) {
    if (name !== 'hugepages') size = value;
    if (!isGibibyte(size) || name === 'default_hugepagesz') continue;
    ours.push(word);
    if (name === 'hugepages') given = parseCount(value);
  }
  return { present: ours.length === 0 ? undefined : ours.join(' '), given };
}

function isGibibyte(size: string): boolean {
  const [, count, unit = ''] = /^(\d+)([kmg]?)$/i.exec(size) ?? [];
  const power = ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
  return Number(count) * 1024 ** power === 1024 ** 3;
}

function parseCount(text: string): GivenPages {
  if (/^\d+$/.test(text)) return { nodes: {}, total: Number(text) };
  const nodes = [...text.matchAll(/(\d+):(\d+)/g)].map(([, node, count]) => [node, Number(count)]);
  return { nodes: Object.fromEntries(nodes), total: 0 };
}
