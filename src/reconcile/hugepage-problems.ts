// What is wrong with the pages of 1 GiB and their mount, and what mends it. Pure.
import type { ObservedHugepages } from '../hugepages/hugepages.ts';
import type { HugepagesJudgement, NodeJudgement } from './judge-hugepages.ts';
import type { Problem } from './judgement.ts';
import type { Observation } from './observation.ts';

const APPLY = 'as root: ttkmdctl hugepages apply';

export function hugepageProblems(
  observation: Observation,
  judged: HugepagesJudgement | undefined,
): Problem[] {
  const { hugepages: seen } = observation;
  if (seen === undefined || judged === undefined) return [];
  const { demand } = judged;
  const problem = (code: string, message: string, hint: string): Problem => ({
    code,
    message,
    hint,
    release: undefined,
    severity: 'degraded',
  });
  const problems: Problem[] = [];
  if (seen.override !== undefined && seen.override.pages === undefined) {
    problems.push({
      ...problem(
        'hugepages-override',
        `/opt/tenstorrent/bin/hugepages-override.txt holds "${seen.override.text}", and no number of pages: it is left out`,
        'write one whole number into it, or remove it; hugepages.total is the same as a setting of ttkmd',
      ),
      severity: 'note',
    });
  }
  if (seen.upstreamUnits.length > 0 && observation.config.hugepages.mode !== 'off') {
    const { text, hint } = upstreamText(seen.upstreamUnits);
    problems.push({ ...problem('hugepages-upstream', text, hint), severity: 'note' });
  }
  if (demand.total === 0) return problems;
  if (seen.lack !== undefined) {
    const { text, hint } = seen.lack;
    const words = adviceOf(observation);
    return [
      ...problems,
      problem(
        'hugepages-unsupported',
        `${demand.total} × 1 GiB of hugepages are wanted (${demand.why}), and ${text}`,
        words === undefined ? hint : `${hint}; ${words}`,
      ),
    ];
  }
  const short = judged.nodes.filter(({ allocated, demand: wanted }) => allocated < wanted);
  if (short.length > 0) {
    problems.push(problem('hugepages-short', shortText(judged, short), shortHint(observation, short)));
  }
  return [...problems, ...mountProblems(seen, judged, problem)];
}

function shortText({ demand, present }: HugepagesJudgement, short: readonly NodeJudgement[]): string {
  const where = short
    .map(
      ({ node, allocated, demand: wanted }) =>
        `${node === undefined ? '' : `node ${node}: `}${allocated} of ${wanted}`,
    )
    .join(', ');
  const single = short.length === 1 && short[0]?.node === undefined;
  return `${present} of ${demand.total} hugepages of 1 GiB are there${single ? '' : ` (${where})`}`;
}

/** What memory allows for is worth a try; for the rest there is the kernel command line. */
function shortHint(observation: Observation, short: readonly NodeJudgement[]): string {
  const advice = adviceOf(observation) ?? 'reboot, and look again early after it';
  if (short.some(({ room }) => room > 0)) return `${APPLY}; ${advice}`;
  return `there is not enough free memory with hugepages.keep_free left over: end what uses it, then ${APPLY}; ${advice}`;
}

function adviceOf({ hugepageAdvice }: Observation): string | undefined {
  return hugepageAdvice;
}

function mountProblems(
  { mount }: ObservedHugepages,
  judged: HugepagesJudgement,
  problem: (code: string, message: string, hint: string) => Problem,
): Problem[] {
  switch (judged.mount) {
    case 'missing':
      return [problem('hugepages-not-mounted', `no hugepages are mounted at ${mount.path}`, APPLY)];
    case 'blocked':
      return [
        problem(
          'hugepages-not-mounted',
          `no hugepages can be mounted at ${mount.path}: ${mount.obstacle?.text}`,
          `${mount.obstacle?.hint}; then ${APPLY}`,
        ),
      ];
    case 'other':
      return [
        problem(
          'hugepages-mount-differs',
          `${mount.path} is mounted in another way than the settings ask for, and left alone: ${mount.differences.join(', ')}`,
          `when nobody uses it: umount ${mount.path}; then ${APPLY}. Or let hugepages.mount_mode and mount_group say what it is`,
        ),
      ];
    default:
      return mount.obstacle !== undefined && mount.found !== undefined
        ? [problem('hugepages-mount-differs', mount.obstacle.text, mount.obstacle.hint)]
        : [];
  }
}

/** What units of Tenstorrent's own tools do beside ttkmd, and what to do about them. */
export function upstreamText(names: readonly string[]): { readonly text: string; readonly hint: string } {
  const verb = names.length === 1 ? 'is' : 'are';
  const quoted = names.map((name) => (name.includes('\\') ? `'${name}'` : name)).join(' ');
  return {
    text: `${names.join(' and ')} ${verb} enabled beside ttkmd: by Tenstorrent's own tools hugepages are allocated and mounted at each boot, by numbers and options of their own`,
    hint: `ttkmd does the same; as root: systemctl disable ${quoted}`,
  };
}
