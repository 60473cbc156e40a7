// The facts that decide about a module, one by one: what it was built from, and what is there now. Pure.
import type { Kernel } from '../kernels/kernel.ts';
import type { ModuleCheck, SymbolCheck } from '../state/checks.ts';
import type { ModuleRecord } from '../state/state.ts';
import type { DriverJudgement } from './judgement.ts';
import { moduleVersion } from './module-version.ts';
import type { Observation } from './observation.ts';

export type FactName =
  | 'vermagic'
  | 'symbols'
  | 'version'
  | 'srcversion'
  | 'signature'
  | 'driver source'
  | 'compiler'
  | 'code options'
  | 'configuration'
  | 'Module.symvers';

/** One thing that a module depends on. */
export interface Fact {
  readonly what: FactName;
  /** What the module was built from; undefined where nobody knows. */
  readonly built: string | undefined;
  /** What is there now; undefined where nothing is. */
  readonly now: string | undefined;
  /** Undefined where it cannot be told. */
  readonly equal: boolean | undefined;
  /** Whether a difference makes the module another than the one that would be built today. */
  readonly matters: boolean;
  /** What is to be said of it where it neither fits nor differs, and that is known. */
  readonly open?: string | undefined;
  /** Why a difference does not matter, or why nothing can be told. */
  readonly note: string | undefined;
  /** The file that tells. */
  readonly place: string | undefined;
  /** What is to be said of a difference. */
  readonly reason: string;
}

/** Milliseconds by which a source has to be younger than a module: times of some file systems are that coarse. */
const COARSE = 2000;

export function vermagicFact({ modules }: Observation, { release }: Kernel): Fact {
  const module = modules.get(release);
  return {
    what: 'vermagic',
    built: module?.vermagic?.trim(),
    now: release,
    equal: module?.mismatch === undefined,
    matters: true,
    note: undefined,
    place: module?.path,
    reason: module?.mismatch ?? '',
  };
}

export function symbolsFact({ buildTree, configuration }: Kernel, check: ModuleCheck | undefined): Fact {
  const symbols = check?.symbols;
  const place = buildTree.path === undefined ? undefined : `${buildTree.path}/Module.symvers`;
  return {
    what: 'symbols',
    built: symbols === undefined ? undefined : `${symbols.compared} imported`,
    now: symbols === undefined ? undefined : `${symbols.compared - symbols.differing} of them alike`,
    equal: symbols === undefined ? undefined : symbols.differing === 0,
    matters: true,
    note:
      symbols !== undefined
        ? undefined
        : buildTree.path === undefined
          ? 'there is no build tree to compare with'
          : configuration.MODVERSIONS === 'y'
            ? 'the module or the build tree has no versions of symbols'
            : 'this kernel has no versions of symbols',
    place,
    reason: symbols === undefined ? '' : symbolsReason(symbols),
  };
}

/** How many symbols differ, with the first of them. */
export function symbolsReason({ compared, differing, first: [first] }: SymbolCheck): string {
  const count = `${differing} of the ${compared} symbols that it imports ${differing === 1 ? 'has' : 'have'} another version in the kernel`;
  if (first === undefined) return count;
  const there = first.kernel === undefined ? 'not exported by the kernel' : `${first.kernel} in the kernel`;
  return `${count} (${first.name}: ${first.module} in the module, ${there})`;
}

export function versionFact(
  observation: Observation,
  { desired, source }: DriverJudgement,
  { release }: Kernel,
): Fact {
  const version = moduleVersion(observation, release);
  return {
    what: 'version',
    built: version,
    now: desired,
    equal: version === undefined || desired === undefined ? undefined : version === desired,
    matters: true,
    note: undefined,
    place: source === undefined ? undefined : `${source.path}/dkms.conf`,
    reason: `it is version ${version}, wanted is ${desired}`,
  };
}

/** Only of a module that nobody has written down: what dkms has built should be what it has installed. */
export function sourceVersionFact(
  { modules, dkms }: Observation,
  { release }: Kernel,
  check: ModuleCheck | undefined,
  record: ModuleRecord | undefined,
): Fact {
  const built = modules.get(release)?.sourceVersion;
  const now = record === undefined ? check?.built?.sourceVersion : (record.sourceVersion ?? built);
  return {
    what: 'srcversion',
    built,
    now,
    equal: built === undefined || now === undefined ? undefined : built === now,
    matters: true,
    note: undefined,
    place: record === undefined ? `${dkms.tree}/tenstorrent` : undefined,
    reason: 'it is not what dkms has built of this version',
  };
}

export function sourceFact(
  observation: Observation,
  { source }: DriverJudgement,
  { release }: Kernel,
  record: ModuleRecord | undefined,
): Fact {
  const common = { what: 'driver source', matters: true, place: source?.path } as const;
  if (source !== undefined && record !== undefined && record.version === source.version) {
    return {
      ...common,
      built: shortHash(record.sourceHash),
      now: shortHash(source.hash),
      equal: record.sourceHash === source.hash,
      note: undefined,
      reason: `${source.path} has changed since it was built`,
    };
  }
  const module = observation.checks.get(release)?.modified;
  const isOther = moduleVersion(observation, release) !== source?.version;
  if (source === undefined || module === undefined || isOther) {
    return {
      ...common,
      built: undefined,
      now: shortHash(source?.hash),
      equal: undefined,
      note: undefined,
      reason: '',
    };
  }
  return {
    ...common,
    built: `by ${timeText(module)}`,
    now: `of ${timeText(source.modified)}`,
    equal: source.modified <= module + COARSE,
    note: 'nobody wrote down what it was built from: the times of the files are compared',
    reason: `${source.path} was written to after it was built`,
  };
}

export function shortHash(hash: string | undefined): string | undefined {
  return hash === undefined || hash === '' ? undefined : hash.slice(0, 12);
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
