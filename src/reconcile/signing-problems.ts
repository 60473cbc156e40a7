// What is wrong with keys and signatures. Pure.

import { MOK_MANAGER } from '../signing/enroll.ts';
import { signingObstacle } from './judge-signing.ts';
import type { KernelJudgement, Problem } from './judgement.ts';
import type { Observation } from './observation.ts';

export const ENROLL = 'enroll it, as root: ttkmdctl signing enroll';

type SeverityOf = (judged: KernelJudgement) => Problem['severity'];

/** Kernels that can have no module for want of a key, modules whose key is not enrolled yet, and keys with flaws. */
export function signingProblems(
  observation: Observation,
  kernels: readonly KernelJudgement[],
  severityOf: SeverityOf,
): Problem[] {
  const found = kernels.flatMap((judged) => ofKernel(observation, judged, severityOf) ?? []);
  return [...found, ...keyProblems(observation, found)];
}

/** Whether a kernel's state follows from signing: what is said of it then is said here. */
export function isForWantOfKey(
  observation: Observation,
  { kernel, state, reason }: KernelJudgement,
): boolean {
  return state === 'unsupported' && reason === signingObstacle(observation, kernel.release)?.text;
}

function ofKernel(
  observation: Observation,
  judged: KernelJudgement,
  severityOf: SeverityOf,
): Problem | undefined {
  const { release } = judged.kernel;
  const obstacle = signingObstacle(observation, release);
  if (obstacle !== undefined && isForWantOfKey(observation, judged)) {
    const message = `${release}: ${obstacle.text}`;
    return { code: 'no-signing-key', message, hint: obstacle.hint, release, severity: severityOf(judged) };
  }
  const signing = observation.signing.kernels.get(release);
  const trust = observation.signing.modules.get(release)?.trust;
  if (!signing?.needed || judged.state !== 'current') return undefined;
  if (trust === 'to-enroll') {
    return {
      code: 'key-not-enrolled',
      message: `${release}: its module is signed, and the certificate is not enrolled: this kernel will not load it (${signing.enforcement.why})`,
      hint: ENROLL,
      release,
      severity: severityOf(judged),
    };
  }
  if (trust !== 'pending') return undefined;
  return {
    code: 'key-pending',
    message: `${release}: the certificate that its module is signed with is enrolled at the next boot`,
    hint: MOK_MANAGER,
    release,
    severity: 'note',
  };
}

/** What makes a kernel take the module that it refuses; undefined where enrolling its key would not. */
export function enrolmentHint({ signing }: Observation, release: string): string | undefined {
  if (!signing.kernels.get(release)?.needed) return undefined;
  switch (signing.modules.get(release)?.trust) {
    case 'to-enroll':
      return `${ENROLL}; then reboot`;
    case 'pending':
      return MOK_MANAGER;
    default:
      return undefined;
  }
}

/** Each key once, and none that a kernel's problem tells of. */
function keyProblems({ signing }: Observation, told: readonly Problem[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const { keys, key, needed } of signing.kernels.values()) {
    for (const { flaw, origin } of keys) {
      if (flaw === undefined || flaw.code === 'certificate-only') continue;
      if (told.some(({ message }) => message.includes(flaw.text))) continue;
      const isAsked = origin === 'configuration' || flaw.code === 'key-exposed';
      const isMissed = needed && key === undefined;
      const severity =
        isMissed || isAsked || problems.get(flaw.text)?.severity === 'degraded' ? 'degraded' : 'note';
      problems.set(flaw.text, {
        code: flaw.code === 'key-exposed' ? 'key-exposed' : 'signing-key',
        message: flaw.text,
        hint: flaw.hint,
        release: undefined,
        severity,
      });
    }
  }
  return [...problems.values()];
}
