// What makes a step impossible whatever is done before it, so that it can be told before anything is done.
import { isCommand } from './facts.ts';
import type { Bench, StepName, Wrong } from './step.ts';

/** A command that a step calls is not there, and the step that would bring it is left out. */
export function withoutCommand(
  { host, selected }: Bench,
  step: StepName,
  command: string,
  bringer: StepName = 'packages',
): Wrong | undefined {
  if (isCommand(host, command) || selected.includes(bringer)) return undefined;
  return {
    message: `The step ${step} needs the command ${command}, which is not here, and the step ${bringer} is left out, which brings it.`,
    hint: `Let that step be done, too (--only ${bringer},${step}), or install ${command} by your own means.`,
  };
}
