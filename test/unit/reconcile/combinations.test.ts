// Judge and plan over all combinations of what may be known of one kernel's module.
import { describe, expect, it } from 'vitest';
import { judge } from '../../../src/reconcile/judge.ts';
import type { Observation, ObservedModule } from '../../../src/reconcile/observation.ts';
import { plan } from '../../../src/reconcile/plan.ts';
import type { ModuleCheck } from '../../../src/state/checks.ts';
import type { ModuleRecord } from '../../../src/state/state.ts';
import { current, judgeHost, LONG_AGO, machine, NOW, POLICY } from '../support/machines.ts';
import { A, V1 } from './host-rows.ts';

const MODULES = {
  none: undefined,
  sound: {},
  broken: { broken: 'it is damaged' },
  'for another kernel': { mismatch: 'it was built for another' },
  'of another version': { version: '2.8.0' },
} as const;
const SYMBOLS = {
  'not compared': undefined,
  'all fit': { compared: 2, differing: 0, first: [] },
  'one differs': { compared: 2, differing: 1, first: [{ name: 'a', module: '0x1', kernel: '0x2' }] },
} as const;
/** What we have written down, as it differs from what is there. */
const RECORDS = {
  none: undefined,
  'of this': {},
  'of another file': { file: 'other', sourceHash: 'other', configuration: 'other', compiler: 'other' },
  'of another source': { sourceHash: 'other' },
  'of another configuration': { configuration: 'other' },
  'of another compiler': { compiler: 'other' },
  'of other options about code': { codeOptions: 'CFI' },
  'of an earlier version, with another tree': { configuration: undefined, abiIdentity: 'x', abiHash: 'x' },
} as const;
const TREES = ['ready', 'unready', 'gone'] as const;
const SOURCES = ['there', 'missing', 'written to since'] as const;

interface Combination {
  readonly module: keyof typeof MODULES;
  readonly symbols: keyof typeof SYMBOLS;
  readonly record: keyof typeof RECORDS;
  readonly tree: (typeof TREES)[number];
  readonly source: (typeof SOURCES)[number];
}

const keys = <T extends object>(of: T): (keyof T)[] => Object.keys(of) as (keyof T)[];
const COMBINATIONS: readonly Combination[] = keys(MODULES).flatMap((module) =>
  keys(SYMBOLS).flatMap((symbols) =>
    keys(RECORDS).flatMap((record) =>
      TREES.flatMap((tree) => SOURCES.map((source) => ({ module, symbols, record, tree, source }))),
    ),
  ),
);

/** The rules of the design once more, in other words. */
function expected({ module, symbols, record, tree, source }: Combination): string {
  const isSource = source !== 'missing';
  if (module === 'none') return isSource && tree !== 'ready' ? 'waiting' : 'missing';
  const isCompared = module === 'sound' || module === 'of another version';
  if (module === 'broken' || module === 'for another kernel') return 'drifted';
  if (isCompared && tree !== 'gone' && symbols === 'one differs') return 'drifted';
  if (!isSource) return 'current';
  if (module === 'of another version') return 'drifted';
  const isForeign = record === 'none' || record === 'of another file';
  if (isForeign) return source === 'written to since' ? 'drifted' : 'current';
  if (record === 'of another source') return 'drifted';
  if (tree === 'gone' || record === 'of this') return 'current';
  if (record === 'of another compiler' || record === 'of other options about code') return 'drifted';
  return symbols === 'all fit' ? 'current' : 'drifted';
}

function observationOf(base: Observation, one: Combination): Observation {
  const [kernel] = base.kernels;
  const [source] = base.sources;
  const found = base.modules.get(A);
  if (kernel === undefined || source === undefined || found === undefined) throw new Error('no machine');
  const isTree = one.tree !== 'gone';
  const spec = MODULES[one.module];
  const module: ObservedModule | undefined = spec && { ...found, ...spec };
  const isChecked = one.module === 'sound' || one.module === 'of another version';
  const check: ModuleCheck = {
    identity: '',
    tree: '',
    file: 'file',
    modified: NOW,
    configuration: isTree ? 'configuration' : undefined,
    codeOptions: isTree ? '' : undefined,
    symbolVersions: undefined,
    symbols: isTree ? SYMBOLS[one.symbols] : undefined,
    built: undefined,
  };
  const written = RECORDS[one.record];
  const record: ModuleRecord | undefined = written && {
    ...{ version: '2.9.0', sourceHash: source.hash, at: LONG_AGO, trigger: 'cli', seconds: 1, file: 'file' },
    ...{ abiIdentity: kernel.abiIdentity, abiHash: undefined, configuration: 'configuration' },
    ...{ compiler: 'gcc', codeOptions: '' },
    ...written,
  };
  const missing = { code: 'no-modpost', text: 'modpost is missing' } as const;
  return {
    ...base,
    kernels: [
      {
        ...kernel,
        compiler: isTree ? 'gcc' : undefined,
        abiIdentity: isTree ? 'identity' : undefined,
        buildTree: {
          path: isTree ? '/t' : undefined,
          ready: one.tree === 'ready',
          missing: one.tree === 'ready' ? [] : [missing],
        },
      },
    ],
    sources:
      one.source === 'missing'
        ? []
        : [{ ...source, modified: one.source === 'there' ? LONG_AGO : NOW + 86_400_000 }],
    modules: new Map(module === undefined ? [] : [[A, module]]),
    checks: new Map(module === undefined || !isChecked ? [] : [[A, check]]),
    state: { ...base.state, modules: record === undefined ? {} : { [A]: record } },
  };
}

describe('a judgement, and the plan that follows', async () => {
  const base = (await judgeHost(machine({ ...current(A, '2.9.0'), ...V1 }))).observation;

  it(`are as the design says, in ${COMBINATIONS.length} combinations`, () => {
    expect(COMBINATIONS.length).toBeGreaterThan(1000);
    for (const one of COMBINATIONS) {
      const judgement = judge(observationOf(base, one));
      const [judged] = judgement.kernels;
      const about = JSON.stringify({ ...one, reason: judged?.reason });
      const state = expected(one);
      expect(judged?.state, about).toBe(state);
      expect(judged?.reason === undefined, about).toBe(state === 'current');

      const isSource = one.source !== 'missing';
      const isToDo = state === 'drifted' || state === 'missing' || state === 'waiting';
      const steps = plan(judgement, POLICY).map(({ kind }) => kind);
      const builds = steps.filter((kind) => kind === 'build' || kind === 'install');
      expect(builds, about).toEqual(isToDo && isSource && one.tree === 'ready' ? ['build', 'install'] : []);
      expect(steps.includes('wait'), about).toBe(isToDo && isSource && one.tree !== 'ready');
    }
  });
});
