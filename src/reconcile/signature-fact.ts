// The fact about a module's signature: whose it is, what would sign today, and whether the kernel accepts it. Pure.
import type { Kernel } from '../kernels/kernel.ts';
import type { Signature, SigningKey, Trust } from '../signing/signing.ts';
import { isBy } from '../signing/trust.ts';
import type { Fact } from './facts.ts';
import { signatureStale } from './judge-signing.ts';
import type { Observation } from './observation.ts';

export function signatureFact(observation: Observation, { release }: Kernel): Fact {
  const { modules, signing } = observation;
  const kernel = signing.kernels.get(release);
  const signature = modules.get(release)?.signature;
  const stale = signatureStale(observation, release);
  return {
    what: 'signature',
    built: signing.modules.has(release) ? signatureText(signature) : undefined,
    now: kernel?.key === undefined ? undefined : keyText(kernel.key),
    equal: stale === undefined ? isAccepted(observation, release) : false,
    matters: stale !== undefined,
    open: openText(observation, release),
    note: noteOf(observation, release),
    place: kernel?.key?.place,
    reason: stale ?? '',
  };
}

function signatureText(signature: Signature | undefined): string {
  if (signature === undefined) return 'no signature';
  const { signer, serial, hash } = signature;
  const parts = [
    ...(signer === undefined ? [] : [`by "${signer}"`]),
    ...(serial === undefined ? [] : [`certificate ${serial}`]),
    ...(hash === undefined ? [] : [hash]),
  ];
  return parts.length === 0 ? 'signed' : parts.join(', ');
}

function keyText({ name, certificate, identity }: SigningKey): string {
  const whose = identity === undefined ? '' : `by "${identity.issuer}", certificate ${identity.serial}: `;
  return `${whose}${name}${certificate === name ? '' : ` with ${certificate}`}`;
}

/** Where nobody asks for signatures, it is compared with what would be signed today, which decides nothing. */
function isAccepted({ modules, signing }: Observation, release: string): boolean | undefined {
  const kernel = signing.kernels.get(release);
  const trust = signing.modules.get(release)?.trust;
  if (kernel?.needed) return trust === 'accepted' ? true : undefined;
  const signature = modules.get(release)?.signature;
  const identity = kernel?.key?.identity;
  if (identity === undefined) return signature === undefined ? true : undefined;
  return signature?.serial === undefined ? signature !== undefined && undefined : isBy(signature, identity);
}

/** What becomes of a module that this kernel may take. */
function openText({ signing }: Observation, release: string): string | undefined {
  const trust = signing.modules.get(release)?.trust;
  if (!signing.kernels.get(release)?.needed || trust === undefined) return undefined;
  return OPEN[trust];
}

/** Whether this kernel takes it, in words. */
function noteOf({ modules, signing }: Observation, release: string): string | undefined {
  const kernel = signing.kernels.get(release);
  const verdict = signing.modules.get(release);
  if (kernel === undefined || verdict === undefined) return 'the signature could not be read';
  const { state, why } = kernel.enforcement;
  if (kernel.needed) return `${verdict.why}; this kernel takes signed modules only (${why})`;
  const isSigned = modules.get(release)?.signature !== undefined;
  const takes =
    state === 'unknown'
      ? `nothing tells whether this kernel asks for signatures (${why})`
      : `this kernel takes modules without a signature, too (${why})`;
  return isSigned ? `${takes}; ${verdict.why}` : takes;
}

const OPEN: Readonly<Record<Trust, string | undefined>> = {
  accepted: undefined,
  'to-enroll': 'refused until its certificate is enrolled',
  pending: 'refused until the MOK manager has enrolled its certificate',
  refused: undefined,
  unknown: 'may be refused',
};
