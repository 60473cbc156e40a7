// What is wrong, to which kernel, why, and the command or setting that mends it. Pure.

import { hugepageProblems } from './hugepage-problems.ts';
import type { HugepagesJudgement } from './judge-hugepages.ts';
import type { DriverJudgement, Health, KernelJudgement, Problem } from './judgement.ts';
import { kernelProblem, severityOf } from './kernel-problems.ts';
import { leftSourceProblem } from './left-to.ts';
import { loadedProblems } from './loaded-problems.ts';
import { machineProblems, unreadable } from './machine-problems.ts';
import type { Observation } from './observation.ts';
import { signingProblems } from './signing-problems.ts';
import { areSourcesHidden, isToldUnknown, unknownProblems } from './unknown.ts';

/** Everything that somebody should know, the worst first. */
export function findProblems(
  observation: Observation,
  driver: DriverJudgement,
  kernels: readonly KernelJudgement[],
  hugepages: HugepagesJudgement | undefined,
): Problem[] {
  const problems = [
    ...machineProblems(observation, driver).filter(
      ({ code }) => code !== 'no-source' || !areSourcesHidden(observation),
    ),
    ...unreadable(observation, kernels),
    ...unknownProblems(kernels, (judged) => severityOf(observation, judged)),
    ...signingProblems(observation, kernels, (judged) => severityOf(observation, judged)),
    ...[leftSourceProblem(observation, driver.source)].filter((one) => one !== undefined),
    ...kernels.flatMap((kernel) => kernelProblem(observation, driver, kernel) ?? []),
    ...loadedProblems(observation, driver, kernels),
    ...hugepageProblems(observation, hugepages),
    ...observation.configWarnings
      .filter(({ place }) => !isToldUnknown(kernels, place))
      .map((warning) => ({
        code: 'config',
        message: `${warning.place}: ${warning.message}`,
        hint: warning.hint,
        release: undefined,
        severity: 'degraded' as const,
      })),
  ];
  const order = { failed: 0, degraded: 1, note: 2 };
  return problems.sort((a, b) => order[a.severity] - order[b.severity]);
}

/** The machine's health: its worst problem's. */
export function healthOf(problems: readonly Problem[]): Health {
  if (problems.some((problem) => problem.severity === 'failed')) return 'failed';
  return problems.some((problem) => problem.severity === 'degraded') ? 'degraded' : 'ok';
}
