// The facts about the build tree that a module was built in, and the one that is there now. Pure.
import type { Kernel } from '../kernels/kernel.ts';
import type { ModuleCheck } from '../state/checks.ts';
import type { Fingerprint, ModuleRecord } from '../state/state.ts';
import { type Fact, type FactName, shortHash } from './facts.ts';
import type { Observation } from './observation.ts';

/** What the versions of symbols cover does not matter by itself where they could be compared. */
export function treeFacts(
  observation: Observation,
  kernel: Kernel,
  check: ModuleCheck | undefined,
  record: ModuleRecord | undefined,
): Fact[] {
  const path = kernel.buildTree.path;
  const fits = check?.symbols?.differing === 0;
  const isHere = check?.configuration !== undefined;
  const compare = (what: FactName, built: string | undefined, now: string | undefined): Fact => ({
    what,
    built,
    now: isHere ? now : undefined,
    equal: !isHere || built === undefined || now === undefined ? undefined : built === now,
    matters: true,
    note: isHere ? undefined : 'there is no build tree of this kernel to compare with',
    place: path === undefined ? undefined : `${path}/include/config/auto.conf`,
    reason: 'the kernel was built anew since',
  });
  const plain = compare('configuration', shortHash(record?.configuration), shortHash(check?.configuration));
  const configuration =
    record !== undefined && record.configuration === undefined
      ? { ...plain, equal: sameAbi(observation, kernel, record) }
      : plain;
  return [
    compare('compiler', record?.compiler, kernel.compiler),
    compare('code options', record?.codeOptions, check?.codeOptions),
    {
      ...compare('Module.symvers', shortHash(record?.symbolVersions), shortHash(check?.symbolVersions)),
      matters: false,
      note: 'of its symbols, those count that the module imports',
      place: path === undefined ? undefined : `${path}/Module.symvers`,
    },
    fits
      ? { ...configuration, matters: false, note: 'vermagic and the versions of all imported symbols fit' }
      : configuration,
  ];
}

/** A tree that is gone takes nothing away from what was built from it. */
export function sameAbi({ abiHashes }: Observation, kernel: Kernel, record: Fingerprint): boolean {
  if (kernel.abiIdentity === undefined || record.abiIdentity === undefined) return true;
  return kernel.abiIdentity === record.abiIdentity || abiHashes.get(kernel.release) === record.abiHash;
}
