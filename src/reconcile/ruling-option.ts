// Which option of its configuration rules a kernel out for the driver. Pure.
import type { LackingOption } from '../kernels/needed-options.ts';
import type { Observation } from './observation.ts';

/** What was built from another driver source goes on working without what this one needs. */
export function rulingOption(
  { lacks, modules }: Pick<Observation, 'lacks' | 'modules'>,
  release: string,
): LackingOption | undefined {
  const [first] = lacks.get(release)?.options ?? [];
  return first?.option.need.by === 'driver' && modules.has(release) ? undefined : first;
}
