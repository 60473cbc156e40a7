// Which kernels a reconcile leaves without the driver that they shall have, and what is to be done about it.
import { signingObstacle } from './judge-signing.ts';
import type { Judgement, KernelJudgement, Problem } from './judgement.ts';
import { leftHint } from './left-to.ts';
import { isForWantOfKey } from './signing-problems.ts';
import { hintBeforeBuilding } from './source-problems.ts';

export interface Shortfall {
  /** Kernels that the machine could boot next, that shall have the driver and have not, or not the wanted one. */
  readonly kernels: readonly KernelJudgement[];
  /** The worst of what keeps them from it, and a source that was meant to be used and is refused. */
  readonly problems: readonly Problem[];
}

export const ANOTHER_KERNEL = 'boot a kernel that can take the driver; ttkmdctl status shows which';

/** @param only the kernel that was asked for, which counts whatever it is */
export function shortfallOf(judgement: Judgement, only: string | undefined): Shortfall {
  const { observation } = judgement;
  // A key can be had, unlike another kernel.
  const isLost = (one: KernelJudgement): boolean =>
    one.state === 'unsupported' && !isForWantOfKey(observation, one);
  const kernels = judgement.kernels.filter((one) =>
    only === undefined
      ? one.bootable && one.state !== 'current' && !isLost(one)
      : one.kernel.release === only && one.state !== 'current',
  );
  const refused = judgement.problems.find(
    ({ code, severity }) => code === 'source-refused' && severity !== 'note',
  );
  const worst = worstProblem(judgement, kernels);
  return { kernels, problems: [...new Set([worst, refused])].filter((one) => one !== undefined) };
}

/** What keeps all kernels from the driver comes before what keeps one of them. */
function worstProblem(judgement: Judgement, lacking: readonly KernelJudgement[]): Problem | undefined {
  const { problems, driver } = judgement;
  const [first] = lacking;
  if (first === undefined) return undefined;
  const releases = new Set<string | undefined>(lacking.map(({ kernel }) => kernel.release));
  const blocks = ({ code, severity }: Problem): boolean =>
    code === 'no-dkms' ||
    (driver.source === undefined && /^(no-source|source-refused)$/.test(code) && severity !== 'note');
  return (
    problems.find(blocks) ??
    problems.find(({ release }) => releases.has(release)) ?? {
      code: first.state,
      message: `${first.kernel.release}: ${first.reason ?? first.state}`,
      hint: nextStep(judgement, first),
      release: first.kernel.release,
      severity: 'degraded',
    }
  );
}

/** What brings the driver to a kernel that lacks it. */
export function nextStep(judgement: Judgement, { kernel, state, failure, leftTo }: KernelJudgement): string {
  const { observation, driver, problems } = judgement;
  if (failure !== undefined) return failure.hint;
  const lack = state === 'unsupported' ? observation.lacks.get(kernel.release) : undefined;
  if (lack !== undefined && !observation.excluded.has(kernel.release))
    return `${lack.hint}; or ${ANOTHER_KERNEL}`;
  if (leftTo !== undefined && state !== 'unsupported') return leftHint(leftTo, kernel);
  if (observation.excluded.has(kernel.release)) {
    return 'to have the driver built for it, take it out of kernels.exclude';
  }
  const unsignable = state === 'unsupported' ? signingObstacle(observation, kernel.release) : undefined;
  if (unsignable !== undefined) return unsignable.hint;
  if (state === 'unsupported') return ANOTHER_KERNEL;
  return (
    hintBeforeBuilding(observation, driver) ??
    problems.find(({ release }) => release === kernel.release)?.hint ??
    `ttkmdctl reconcile --kernel ${kernel.release}`
  );
}
