// The pages of 1 GiB in words: one line for the status screen, a few for their own.
import { nodeName } from '../hugepages/hugepages.ts';
import type { NodeJudgement } from '../reconcile/judge-hugepages.ts';
import type { Judgement } from '../reconcile/judgement.ts';

/** `8 of 8 × 1 GiB    node 0: 4, node 1: 4, mounted at /dev/hugepages-1G` */
export function hugepagesText({ hugepages, observation }: Judgement): string {
  const seen = observation.hugepages;
  if (hugepages === undefined || seen === undefined) return 'not this system';
  const { demand, nodes, present } = hugepages;
  if (demand.total === 0) {
    const allocated = nodes.reduce((sum, one) => sum + one.allocated, 0);
    const all =
      allocated === 0 ? '' : `; ${allocated} × 1 GiB ${allocated === 1 ? 'is' : 'are'} there, and left`;
    return `none wanted: ${demand.why}${all}`;
  }
  const count = `${present} of ${demand.total} × 1 GiB`;
  if (seen.lack !== undefined) return `${count}    ${seen.lack.text}`;
  const more = nodes.flatMap(moreText);
  return `${count}    ${[...nodeTexts(nodes), mountText(hugepages.mount, seen.mount.path), ...more].join(', ')}`;
}

export function mountText(state: string, path: string): string {
  switch (state) {
    case 'mounted':
      return `mounted at ${path}`;
    case 'other':
      return `mounted at ${path} in another way`;
    case 'blocked':
      return `cannot be mounted at ${path}`;
    default:
      return 'not mounted';
  }
}

/** What each node that is to have pages has; a machine without nodes has nothing to tell apart. */
function nodeTexts(nodes: readonly NodeJudgement[]): string[] {
  return nodes
    .filter(({ node, demand }) => node !== undefined && demand > 0)
    .map(({ node, demand, allocated }) => {
      const count = allocated < demand ? `${allocated} of ${demand}` : String(demand);
      return `${nodeName(node)}: ${count}`;
    });
}

/** Pages are never taken away by themselves; who had them made may not know that they are not wanted any more. */
function moreText({ node, allocated, demand }: NodeJudgement): string[] {
  if (allocated <= demand) return [];
  return [
    `${allocated - demand} more ${node === undefined ? '' : `on ${nodeName(node)} `}than wanted, which are left`,
  ];
}

/** The lines of `ttkmdctl hugepages status`, each with its name. */
export function hugepagesFacts(judgement: Judgement): [name: string, text: string][] {
  const { hugepages, observation } = judgement;
  const seen = observation.hugepages;
  if (hugepages === undefined || seen === undefined) return [];
  const { demand, nodes } = hugepages;
  const lines: [string, string][] = [
    ['wanted', `${demand.total}: ${demand.why}`],
    ...nodes.map((one): [string, string] => [
      nodeName(one.node),
      `${one.demand} wanted, ${one.allocated} allocated, ${one.free} free${roomText(one)}${givableText(one)}`,
    ]),
    ['mount', `${mountText(hugepages.mount, seen.mount.path)}${mountReason(judgement)}`],
    ...demand.notes.map((note): [string, string] => ['note', note]),
  ];
  return lines;
}

function mountReason({ hugepages, observation }: Judgement): string {
  const mount = observation.hugepages?.mount;
  if (hugepages?.mount === 'not-needed') return ', and need not be';
  if (hugepages?.mount === 'other') return `: ${mount?.differences.join(', ')}`;
  return hugepages?.mount === 'blocked' ? `: ${mount?.obstacle?.text}` : '';
}

function roomText({ demand, allocated, room }: NodeJudgement): string {
  const missing = demand - allocated;
  return missing > 0 && room < missing ? `, memory for ${room} more` : '';
}

function givableText({ givable }: NodeJudgement): string {
  if (givable === 0) return '';
  return `, ${givable} of ours can be given back: ttkmdctl hugepages apply --release`;
}
