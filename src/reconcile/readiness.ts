// The one question before a reboot: will the card be there?

import { EXIT, TtkmdError } from '../host/errors.ts';
import { compareReleases } from '../kernels/versions.ts';
import { MOK_MANAGER } from '../signing/enroll.ts';
import { wouldLoad } from './evidence.ts';
import { signatureRefusal, waitsForOwner } from './judge-signing.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import { moduleVersion } from './module-version.ts';
import { nextStep } from './shortfall.ts';
import { ENROLL } from './signing-problems.ts';

export interface Readiness {
  /** The wanted driver will be there; for a kernel that is left alone, a driver that fits it. */
  readonly ready: boolean;
  readonly text: string;
  /** What to do about it; undefined where nothing is to be done. */
  readonly hint: string | undefined;
}

/**
 * Whether a kernel will come up with the driver; without a release, the one that would boot next.
 * @throws TtkmdError where there is no such kernel
 */
export function judgeReadiness(judgement: Judgement, release: string | undefined): Readiness {
  if (release === undefined) return readinessOfNext(judgement);
  return readinessOf(judgement, kernelOf(judgement, release));
}

/** @throws TtkmdError where there is no such kernel */
export function kernelOf({ kernels }: Judgement, release: string): KernelJudgement {
  const chosen = kernels.find((one) => one.kernel.release === release);
  if (chosen !== undefined) return chosen;
  throw new TtkmdError(
    'unknown-kernel',
    `There is no kernel ${release} on this machine.`,
    'which there are: ttkmdctl kernels',
    EXIT.usage,
  );
}

/** Boot loaders take the newest kernel unless told otherwise. One that the admin left out is not what is asked for. */
function readinessOfNext(judgement: Judgement): Readiness {
  const { kernels, observation } = judgement;
  const bootable = kernels.filter(
    ({ bootable, kernel }) => bootable && !observation.excluded.has(kernel.release),
  );
  // The running kernel may have been removed by now.
  const there = bootable.filter(({ kernel }) => kernel.kind !== 'no-modules' || kernel.image !== undefined);
  const [next, ...others] = there.length > 0 ? there : bootable;
  if (next === undefined) {
    return {
      ready: false,
      text: 'no kernel was found that the machine could boot',
      hint: judgement.problems.find((problem) => problem.code === 'no-kernels')?.hint,
    };
  }
  const answer = readinessOf(judgement, next);
  if (!answer.ready || others.length === 0) return answer;
  const failing = others.filter((one) => !readinessOf(judgement, one).ready);
  const fine = others.length - failing.length;
  const andSo = fine === 0 ? '' : `, and so will ${fine} other ${fine === 1 ? 'kernel' : 'kernels'}`;
  const butNot =
    failing.length === 0 ? '' : `; not ready: ${failing.map(({ kernel }) => kernel.release).join(', ')}`;
  return { ...answer, text: `${answer.text}${andSo}${butNot}` };
}

function readinessOf(judgement: Judgement, judged: KernelJudgement): Readiness {
  const { observation, driver } = judgement;
  const { kernel, state, reason } = judged;
  const { release } = kernel;
  const version = moduleVersion(observation, release);
  const name = version === undefined ? 'tenstorrent' : `tenstorrent ${version}`;
  const refusal = signatureRefusal(observation, release);
  if (state === 'current' && refusal === undefined) return comesUp(judgement, release, name, '');
  if (state === 'unknown') {
    return { ready: false, text: `${release} is unknown: ${reason}`, hint: 'look as root: ttkmdctl ready' };
  }
  const fits = wouldLoad(observation, release);
  if (fits && observation.excluded.has(release)) {
    return comesUp(judgement, release, name, ', and is left alone: the setting kernels.exclude names it');
  }
  const hint = state === 'current' ? ENROLL : nextStep(judgement, judged);
  if (!fits) {
    const why = refusal ?? reason ?? state;
    return { ready: false, text: `${release} will come up without a driver: ${why}`, hint };
  }
  const { desired } = driver;
  if (version === undefined || desired === undefined || version === desired) {
    return { ready: false, text: `${release} has ${name}, which is not current: ${reason ?? state}`, hint };
  }
  const older = compareReleases(version, desired) < 0 ? 'the older version' : 'version';
  const text = `${release} will come up with ${older} ${version}, wanted is ${desired}${whyNot(judgement, judged)}`;
  return { ready: false, text, hint };
}

/** Nobody but the owner, in front of the machine, can have a certificate enrolled. */
function comesUp({ observation }: Judgement, release: string, name: string, andSo: string): Readiness {
  const waits = waitsForOwner(observation, release);
  const once = waits ? ' once the MOK manager has enrolled the certificate of its module' : '';
  return {
    ready: true,
    text: `${release} will come up with ${name}${once}${andSo}`,
    hint: waits ? MOK_MANAGER : undefined,
  };
}

/** Why the wanted version is not there, where that is more than that nobody has built it yet. */
function whyNot({ driver }: Judgement, { failure, reason }: KernelJudgement): string {
  if (failure !== undefined) return `: ${reason ?? failure.headline}`;
  if (driver.source !== undefined) return '';
  const { refused } = driver;
  return refused === undefined ? ', which is not in /usr/src' : `, and nothing is built from ${refused.path}`;
}
