// Everything that stands in the way of a bootstrap, looked for before its first change.
import { downloadsOf, isCached, pythonSource } from '../bootstrap/downloads.ts';
import { mirrored } from '../bootstrap/mirror.ts';
import { type Finding, preflight, type Reached } from '../bootstrap/preflight.ts';
import type { Bench, StepName, Wrong } from '../bootstrap/step.ts';
import { STEPS } from '../bootstrap/steps/all.ts';
import { openFolder } from '../host/local-host.ts';
import type { ConfigWarning } from '../reconcile/observation.ts';
import type { RealHands } from './bootstrap-hands.ts';

/** As far as it matters for what is still to be done. */
export async function findingsOf(
  bench: Bench,
  hands: RealHands,
  settings: readonly ConfigWarning[],
): Promise<Finding[]> {
  const left: StepName[] = [];
  const obstacles: Wrong[] = [];
  for (const name of bench.selected) {
    if ((await STEPS[name].check(bench)).done) continue;
    left.push(name);
    const wrong = await STEPS[name].obstacle?.(bench);
    if (wrong !== undefined) obstacles.push(wrong);
  }
  const wanted = downloadsOf(left, bench.versions, bench.choices, bench.host.machine.arch).filter(
    (one) => !isCached(bench.host.fs, one),
  );
  const python = pythonSource(bench.host.fs, left, bench.versions, bench.choices);
  const places = [
    ...wanted.map(({ url }) => mirrored(url, bench.choices.mirror)),
    ...(python === undefined ? [] : [python]),
  ];
  const reached = await Promise.all(
    places.map(async (from): Promise<Reached> => {
      const missing = from.startsWith('/') && !openFolder('/').exists(from);
      return { from, why: missing ? 'there is no such file' : await hands.reach(from) };
    }),
  );
  return preflight(bench.facts, left, reached, obstacles, settings);
}
