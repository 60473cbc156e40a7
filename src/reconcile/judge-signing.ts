// What signatures mean for a kernel's module: no longer current, or never to be had. Pure.
import type { SigningObstacle } from '../signing/signing.ts';
import type { Observation } from './observation.ts';

/** Why the module on disk is not what this kernel takes, or not what building today would give. */
export function signatureStale({ signing, state }: Observation, release: string): string | undefined {
  const kernel = signing.kernels.get(release);
  const verdict = signing.modules.get(release);
  if (kernel === undefined || !kernel.needed || verdict === undefined) return undefined;
  if (verdict.trust === 'refused') {
    return `${verdict.why}, and this kernel takes signed modules only (${kernel.enforcement.why})`;
  }
  // What the kernel takes is as good as what another key would give.
  const [then, now] = [state.modules[release]?.signer, kernel.key?.identity?.hash];
  const isOther = then !== undefined && now !== undefined && then !== now;
  return isOther && verdict.trust !== 'accepted'
    ? 'the signing key is another one since it was built'
    : undefined;
}

/** What keeps this kernel from ever taking a module that is built here, as things are. */
export function signingObstacle({ signing }: Observation, release: string): SigningObstacle | undefined {
  return signing.kernels.get(release)?.obstacle;
}
