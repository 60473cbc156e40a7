// Looks at what signing is about for each kernel, and whether it takes the module that is there.
import type { Config } from '../config/config.ts';
import type { DkmsObservation } from '../dkms/tree.ts';
import type { Host } from '../host/host.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { splitPin } from '../signing/keys.ts';
import { chooseKey, keepingTrusted } from '../signing/need.ts';
import { type ObservedSigning, observeSigning, type SignedKernel } from '../signing/observe.ts';
import { acceptanceOf } from '../signing/trust.ts';
import type { ArchivedSigning, State } from '../state/state.ts';
import type { Observation, ObservedModule } from './observation.ts';
import { isArchived } from './plan-archives.ts';

export interface SignatureFacts {
  readonly config: Config;
  readonly dkms: DkmsObservation;
  readonly kernels: readonly Kernel[];
  readonly modules: ReadonlyMap<string, ObservedModule>;
  /** What is remembered of the build trees of kernels that have nothing but an archive. */
  readonly archived?: ReadonlyMap<string, ArchivedTree>;
}

export interface ArchivedTree extends ArchivedSigning {
  readonly archive: string;
}

/** Keys, enforcement, and the signatures of the modules that are installed. */
export function observeSignatures(
  { fs, machine }: Host,
  { config, dkms, kernels, modules, archived = new Map() }: SignatureFacts,
): Observation['signing'] {
  const found = observeSigning(fs, {
    settings: { key: config.signing.key, certificate: config.signing.certificate },
    dkms: dkms.key,
    kernels: kernels.map((kernel) => asArchived(kernel, archived.get(kernel.release))),
    elsewhere: machine.chrooted,
  });
  const verdicts = [...modules].flatMap(([release, { signature, broken, unread }]) => {
    const kernel = found.kernels.get(release);
    if (kernel === undefined || broken !== undefined || unread !== undefined) return [];
    return [[release, acceptanceOf(signature, kernel)] as const];
  });
  const trusted = new Set(
    verdicts.flatMap(([release, { trust }]) => (trust === 'accepted' ? [release] : [])),
  );
  const decided = [...found.kernels].map(
    ([release, one]) => [release, trusted.has(release) ? keepingTrusted(one) : one] as const,
  );
  return { ...found, kernels: new Map(decided), modules: new Map(verdicts) };
}

/** What a kernel's configuration said before its build tree went away; what it is built in then is another one. */
function asArchived(kernel: Kernel, known: ArchivedTree | undefined): SignedKernel {
  return known === undefined ? kernel : { ...kernel, ...known, buildTree: { path: undefined } };
}

/** By release, where a build tree is gone and its archive is there. */
export function archivedSigning(
  { archives }: State,
  kernels: readonly Kernel[],
  observed: Pick<Observation, 'archives'>,
): Map<string, ArchivedTree> {
  return new Map(
    kernels
      .filter((kernel) => isArchived(observed, kernel))
      .flatMap(({ release }) => {
        const signing = archives?.[release]?.signing;
        const archive = observed.archives.get(release)?.path;
        return signing === undefined || archive === undefined
          ? []
          : [[release, { ...signing, archive }] as const];
      }),
  );
}

/** A failed build is worth another try with another key, as it is with another compiler. */
export function withKeys(
  tools: ReadonlyMap<string, string>,
  { kernels }: Pick<ObservedSigning, 'kernels'>,
): Map<string, string> {
  return new Map(
    [...tools].map(([release, word]) => {
      const signing = kernels.get(release);
      // What signs may be in an archive alone.
      const key = signing?.key ?? chooseKey(signing?.keys ?? []);
      if (key === undefined) return [release, word];
      const opened = splitPin(key).pin === undefined ? '' : ' with a PIN';
      return [release, `${word} ${key.name}:${key.identity?.hash}${opened}`];
    }),
  );
}
