// Looks at what signing is about for each kernel, and whether it takes the module that is there.
import type { Config } from '../config/config.ts';
import type { DkmsObservation } from '../dkms/tree.ts';
import type { Host } from '../host/host.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { type ObservedSigning, observeSigning } from '../signing/observe.ts';
import { acceptanceOf } from '../signing/trust.ts';
import type { Observation, ObservedModule } from './observation.ts';

export interface SignatureFacts {
  readonly config: Config;
  readonly dkms: DkmsObservation;
  readonly kernels: readonly Kernel[];
  readonly modules: ReadonlyMap<string, ObservedModule>;
}

/** Keys, enforcement, and the signatures of the modules that are installed. */
export function observeSignatures(
  { fs, machine }: Host,
  { config, dkms, kernels, modules }: SignatureFacts,
): Observation['signing'] {
  const found = observeSigning(fs, {
    settings: { key: config.signing.key, certificate: config.signing.certificate },
    dkms: dkms.key,
    kernels,
    elsewhere: machine.chrooted,
  });
  const verdicts = [...modules].flatMap(([release, { signature, broken, unread }]) => {
    const kernel = found.kernels.get(release);
    if (kernel === undefined || broken !== undefined || unread !== undefined) return [];
    return [[release, acceptanceOf(signature, kernel)] as const];
  });
  return { ...found, modules: new Map(verdicts) };
}

/** A failed build is worth another try with another key, as it is with another compiler. */
export function withKeys(
  tools: ReadonlyMap<string, string>,
  { kernels }: Pick<ObservedSigning, 'kernels'>,
): Map<string, string> {
  return new Map(
    [...tools].map(([release, word]) => {
      const key = kernels.get(release)?.key;
      return [release, key === undefined ? word : `${word} ${key.name}:${key.identity?.hash}`];
    }),
  );
}
