// What a module was built from and what is there now: what makes it current or not. Pure.
import type { Kernel } from '../kernels/kernel.ts';
import type { ModuleCheck, SymbolCheck } from '../state/checks.ts';
import type { ModuleRecord } from '../state/state.ts';
import {
  type Fact,
  type FactName,
  sourceFact,
  sourceVersionFact,
  symbolsFact,
  vermagicFact,
  versionFact,
} from './facts.ts';
import { signatureRefusal } from './judge-signing.ts';
import type { DriverJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';
import { signatureFact } from './signature-fact.ts';
import { treeFacts } from './tree-facts.ts';

export interface Evidence {
  /** In the order in which they are judged. */
  readonly facts: readonly Fact[];
  readonly symbols: SymbolCheck | undefined;
  /** Our record, where it is of the module that is there. */
  readonly record: ModuleRecord | undefined;
}

/** The facts about the module that modprobe would load for a kernel; none where there is none. */
export function evidenceOf(observation: Observation, driver: DriverJudgement, kernel: Kernel): Evidence {
  const { release } = kernel;
  const check = observation.checks.get(release);
  const last = observation.state.modules[release];
  const record = last !== undefined && isOf(last, check) ? last : undefined;
  if (!observation.modules.has(release)) return { facts: [], symbols: undefined, record };
  return {
    facts: [
      signatureFact(observation, kernel),
      vermagicFact(observation, kernel),
      symbolsFact(kernel, check),
      versionFact(observation, driver, kernel),
      sourceVersionFact(observation, kernel, check, record),
      sourceFact(observation, driver, kernel, record ?? sameSource(observation, kernel, last)),
      ...treeFacts(observation, kernel, check, record),
    ],
    symbols: check?.symbols,
    record,
  };
}

/** Whether the kernel would take the module that is there, as far as its build tree and the signature tell. */
export function wouldLoad(
  { modules, checks, signing }: Pick<Observation, 'modules' | 'checks' | 'signing'>,
  release: string,
): boolean {
  const module = modules.get(release);
  if (module === undefined || module.broken !== undefined || module.mismatch !== undefined) return false;
  if (signatureRefusal({ signing }, release) !== undefined) return false;
  return (checks.get(release)?.symbols?.differing ?? 0) === 0;
}

/** Why a module is not what would be built today, as far as some of the facts tell. */
export function differenceIn(facts: readonly Fact[], ...names: readonly FactName[]): string | undefined {
  const asked = facts.filter(({ what }) => names.includes(what));
  return asked.find(({ equal, matters }) => equal === false && matters)?.reason;
}

/** Whether a record is of the file that is there: somebody else may have put another in its place since. */
function isOf(record: ModuleRecord, check: ModuleCheck | undefined): boolean {
  return record.file === undefined || check?.file === undefined || record.file === check.file;
}

/** Stripping, signing and packing change the file and not what it was made from. */
function sameSource(
  { modules }: Observation,
  { release }: Kernel,
  last: ModuleRecord | undefined,
): ModuleRecord | undefined {
  const sourceVersion = modules.get(release)?.sourceVersion;
  return sourceVersion !== undefined && last?.sourceVersion === sourceVersion ? last : undefined;
}
