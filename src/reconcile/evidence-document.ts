// The evidence about one kernel's module as the documented, versioned object that `status --explain --json` prints.
import { type Evidence, evidenceOf } from './evidence.ts';
import type { Fact } from './facts.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';

const EXPLAIN_SCHEMA = 1;

/** Who has put the module there, as far as somebody can know. */
export type Installer = 'ttkmd' | 'dkms' | 'unknown';

export interface Explanation {
  readonly evidence: Evidence;
  readonly installer: Installer | undefined;
}

/** What is known of the module of one kernel. */
export function explain(
  { observation, driver }: Judgement,
  { kernel, module }: KernelJudgement,
): Explanation {
  const evidence = evidenceOf(observation, driver, kernel);
  if (module === undefined) return { evidence, installer: undefined };
  const isBuilt = observation.checks.get(kernel.release)?.built?.same === true;
  return { evidence, installer: evidence.record !== undefined ? 'ttkmd' : isBuilt ? 'dkms' : 'unknown' };
}

/** Fields are added within a schema and never taken away or given another meaning. Times are ISO 8601. */
export function explainDocument(judgement: Judgement, judged: KernelJudgement): object {
  const { kernel, state, reason, module } = judged;
  const { evidence, installer } = explain(judgement, judged);
  const { record, symbols, facts } = evidence;
  return {
    schema: EXPLAIN_SCHEMA,
    at: time(judgement.observation.now),
    release: kernel.release,
    state,
    reason: reason ?? null,
    module:
      module === undefined
        ? null
        : {
            path: module.path,
            version: module.version ?? null,
            srcversion: module.sourceVersion ?? null,
            vermagic: module.vermagic?.trim() ?? null,
            signature: signatureEntry(judgement, kernel.release),
            installedBy: installer,
            installedAt: record === undefined ? null : time(record.at),
            trigger: record?.trigger ?? null,
          },
    facts: facts.map(factEntry),
    symbols:
      symbols === undefined
        ? null
        : {
            compared: symbols.compared,
            differing: symbols.differing,
            first: symbols.first.map((one) => ({ ...one, kernel: one.kernel ?? null })),
          },
  };
}

function signatureEntry({ observation }: Judgement, release: string): object | null {
  const signature = observation.modules.get(release)?.signature;
  if (signature === undefined) return null;
  const { trust, why } = observation.signing.modules.get(release) ?? {};
  return {
    signer: signature.signer ?? null,
    serial: signature.serial ?? null,
    hash: signature.hash ?? null,
    trust: trust ?? 'unknown',
    why: why ?? null,
  };
}

function factEntry({ what, built, now, equal, matters, note, place }: Fact): object {
  return {
    fact: what,
    builtFrom: built ?? null,
    now: now ?? null,
    equal: equal ?? null,
    matters,
    note: note ?? null,
    file: place ?? null,
  };
}

function time(at: number): string {
  return new Date(at).toISOString();
}
