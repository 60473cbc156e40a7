// How many jobs make may run, and up to which load. Pure.
import type { Config } from '../config/config.ts';

/** Jobs and load for make: the setting, else what the caller's MAKEOPTS says, else one job a processor. */
export function makeLimits(
  makeOptions: string | undefined,
  config: Config,
  processors: number,
): { jobs: number; load: string | undefined } {
  const jobs = makeOptions?.match(/(?:^|\s)(?:-j|--jobs[= ])\s*(\d{1,4})(?=\s|$)/)?.[1];
  const load = makeOptions?.match(/(?:^|\s)(?:-l|--load-average[= ])\s*(\d{1,4}(?:\.\d+)?)(?=\s|$)/)?.[1];
  const wanted = config.build.jobs === 'auto' ? Number(jobs ?? processors) : config.build.jobs;
  return { jobs: Math.max(1, wanted), load };
}
