// What this user may not look at is unknown: it is neither missing nor drifted. Pure.
import type { KernelJudgement, Problem } from './judgement.ts';
import type { Observation } from './observation.ts';

/** What every kernel's judgement depends on: the state, the settings, the driver sources. */
const FOR_ALL = /^\/var\/lib\/ttkmd\/state\.json$|^\/etc\/ttkmd(?:\/|$)|^\/usr\/src\/tenstorrent-/;

/** Makes a judgement unknown that was made without what it depends on. */
export function unknownWhereHidden(observation: Observation, judged: KernelJudgement): KernelJudgement {
  const reason = hiddenReason(observation, judged);
  return reason === undefined ? judged : { ...judged, state: 'unknown', reason, failure: undefined };
}

/** One problem for each thing that is hidden, however many kernels it concerns. */
export function unknownProblems(
  kernels: readonly KernelJudgement[],
  severityOf: (judged: KernelJudgement) => Problem['severity'],
): Problem[] {
  const unknown = kernels.filter(({ state }) => state === 'unknown');
  return [...new Set(unknown.map(({ reason }) => reason))].map((reason): Problem => {
    const hit = unknown.filter((one) => one.reason === reason);
    const [first, ...others] = hit.map(({ kernel }) => kernel.release);
    return {
      code: 'unknown',
      message: `unknown for ${[first, ...others].join(', ')}: ${reason}`,
      hint: 'look as root: ttkmdctl status',
      release: others.length === 0 ? first : undefined,
      severity: hit.some((one) => severityOf(one) !== 'note') ? 'degraded' : 'note',
    };
  });
}

/** Whether the unknown kernels' problems tell of a path already, by its own name or by that of its like. */
export function isToldUnknown(kernels: readonly KernelJudgement[], path: string): boolean {
  const unknown = kernels.filter(({ state }) => state === 'unknown');
  return unknown.some(({ reason = '' }) => reason.startsWith(`${path} `) || likeOf(reason) === likeOf(path));
}

/** The state, the settings, or the sources; itself where it is none of them. */
function likeOf(text: string): string {
  return /^\/etc\/ttkmd|^\/usr\/src\/tenstorrent-/.exec(text)?.[0] ?? text;
}

/** Whether driver sources are hidden, so that nobody can say that there is none. */
export function areSourcesHidden(observation: Observation): boolean {
  return hidden(observation).some((path) => path.startsWith('/usr/src/tenstorrent-'));
}

function hiddenReason(observation: Observation, judged: KernelJudgement): string | undefined {
  const { kernel, state } = judged;
  if (state === 'unsupported' && kernel.kind !== 'leftover') return undefined;
  const unread = observation.modules.get(kernel.release)?.unread;
  const path =
    (state === 'unsupported' ? undefined : hidden(observation).find((one) => FOR_ALL.test(one))) ??
    (unread === undefined && state !== 'current' ? hiddenOf(observation, judged) : undefined);
  return path === undefined ? unread : `${path} may not be read by this user`;
}

/** What is hidden of one kernel. */
function hiddenOf(observation: Observation, { kernel }: KernelJudgement): string | undefined {
  const folders = [`/lib/modules/${kernel.release}`, kernel.buildTree.path].filter(
    (one) => one !== undefined,
  );
  return hidden(observation).find((path) =>
    folders.some((folder) => path === folder || path.startsWith(`${folder}/`)),
  );
}

/** Root goes on with what there is: where even root is refused, doing shows more than looking. */
function hidden({ privileged, denied }: Observation): readonly string[] {
  return privileged ? [] : denied;
}
