// What the daemon has to know of a look or a run: little, since it lives long and is to stay small.
import { wouldLoad } from './evidence.ts';
import type { Judgement } from './judgement.ts';
import { isBuildable } from './plan-archives.ts';
import type { Report } from './reconcile.ts';
import { retryIn } from './retry.ts';
import { stepRelease, stepVersion } from './step.ts';

export interface DigestStep {
  /** The kind of step, e.g. `build`. */
  readonly step: string;
  readonly release: string | undefined;
  readonly failed: boolean;
  /** One line: to what it was done, and what came of it. */
  readonly text: string;
}

export interface Digest {
  readonly health: 'ok' | 'degraded' | 'failed';
  /** The worst problem with what mends it; empty where there is none. */
  readonly worst: string;
  /** The kernel that it is about, if it is about one. */
  readonly worstOf: string | undefined;
  /** One line: `ok: 3 of 3 kernels have the current driver`. */
  readonly summary: string;
  /** Milliseconds after which another look is worth while though nothing may happen until then. */
  readonly again: number | undefined;
  /** Where hugepages are mounted as they are wanted; undefined where none are, or need not be. */
  readonly mount?: string | undefined;
  /** What was done, and what could not be. */
  readonly done: readonly DigestStep[];
}

/** A reload that was killed may have left the machine without a card; should its end fail, that is not done without pause. */
const INTERRUPTED = 5000;

/** How many kernels have the driver, in words: `1 of 2 kernels has the current driver, 1 another build of it`. */
export function coverage({ kernels, observation }: Judgement): string {
  const able = kernels.filter(
    ({ state, kernel }) => state !== 'unsupported' && kernel.kind !== 'sources-only',
  );
  if (able.length === 0) return 'there is no kernel that could have the driver';
  const current = able.filter(({ state }) => state === 'current').length;
  const others = able.filter(
    ({ state, kernel }) => state !== 'current' && wouldLoad(observation, kernel.release),
  ).length;
  const verb = current === 1 || able.length === 1 ? 'has' : 'have';
  const some = `${current} of ${able.length} ${able.length === 1 ? 'kernel' : 'kernels'} ${verb} the current driver`;
  return others === 0 ? some : `${some}, ${others} another build of it`;
}

/** When builds that failed are worth another try. What is due by now and was not tried is in want of something else. */
function retries({ kernels, observation }: Judgement): number[] {
  return kernels
    .filter(({ kernel, leftTo }) => leftTo === undefined && isBuildable(observation, kernel))
    .map((one) => retryIn(observation, one) ?? 0)
    .filter((left) => left > 0);
}

/** @param report what a reconcile did; undefined for a look alone */
export function digest(judgement: Judgement, report: Report | undefined): Digest {
  const { health, problems } = judgement;
  const worst = problems.find(({ severity }) => severity !== 'note');
  const waits = (report?.steps ?? []).flatMap((step) =>
    step.kind === 'wait' && step.again !== undefined ? [step.again] : [],
  );
  // Whoever installed it: a hook's run installs and reloads nothing.
  const reload = judgement.driver.reload?.again;
  if (reload !== undefined) waits.push(reload);
  waits.push(...retries(judgement));
  if (judgement.observation.interrupted) waits.push(INTERRUPTED);
  const { hugepages, observation } = judgement;
  const isMounted = hugepages?.mount === 'mounted' && hugepages.demand.total > 0;
  return {
    health,
    mount: isMounted ? observation.hugepages?.mount.path : undefined,
    worst: worst === undefined ? '' : `${worst.message} → ${worst.hint}`,
    worstOf: worst?.release,
    summary: `${health}: ${coverage(judgement)}`,
    again: waits.length === 0 ? undefined : Math.min(...waits),
    done: (report?.done ?? []).flatMap(({ step, outcome, text, hint }) => {
      if (outcome !== 'done' && outcome !== 'failed') return [];
      const what = [stepRelease(step) ?? 'tenstorrent', stepVersion(step)].filter(Boolean).join(' ');
      const next = hint === undefined || outcome === 'done' ? '' : ` → ${hint}`;
      return [
        {
          step: step.kind,
          release: stepRelease(step),
          failed: outcome === 'failed',
          text: `${what}: ${text}${next}`,
        },
      ];
    }),
  };
}
