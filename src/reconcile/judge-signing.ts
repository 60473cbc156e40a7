// What signatures mean for a kernel's module: no longer current, or never to be had. Pure.
import type { SigningObstacle } from '../signing/signing.ts';
import type { Observation } from './observation.ts';

/** Why the module on disk is not what this kernel takes, or not what building today would give. */
export function signatureStale(observation: Observation, release: string): string | undefined {
  const { signing, state } = observation;
  const kernel = signing.kernels.get(release);
  const verdict = signing.modules.get(release);
  if (kernel === undefined || !kernel.needed || verdict === undefined) return undefined;
  if (verdict.trust === 'refused') return signatureRefusal(observation, release);
  // What the kernel takes is as good as what another key would give.
  const [then, now] = [state.modules[release]?.signer, kernel.key?.identity?.hash];
  const isOther = then !== undefined && now !== undefined && then !== now;
  return isOther && verdict.trust !== 'accepted'
    ? 'the signing key is another one since it was built'
    : undefined;
}

/** Why this kernel would not take the module on disk if it were booted now, whatever is to be enrolled. */
export function signatureRefusal(
  { signing }: Pick<Observation, 'signing'>,
  release: string,
): string | undefined {
  const kernel = signing.kernels.get(release);
  const verdict = signing.modules.get(release);
  if (kernel === undefined || !kernel.needed || verdict === undefined) return undefined;
  if (verdict.trust === 'refused') {
    return `${verdict.why}, and this kernel takes signed modules only (${kernel.enforcement.why})`;
  }
  return verdict.trust === 'to-enroll'
    ? `its module is signed, and the certificate is not enrolled (${kernel.enforcement.why})`
    : undefined;
}

/** The module is taken once the MOK manager has enrolled its certificate, and not before. */
export function waitsForOwner({ signing }: Pick<Observation, 'signing'>, release: string): boolean {
  return signing.kernels.get(release)?.needed === true && signing.modules.get(release)?.trust === 'pending';
}

/** What keeps this kernel from ever taking a module that is built here, as things are. */
export function signingObstacle({ signing }: Observation, release: string): SigningObstacle | undefined {
  return signing.kernels.get(release)?.obstacle;
}
