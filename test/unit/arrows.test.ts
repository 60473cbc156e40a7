// The house's rules: imports go down only, the machine is touched in one room, decisions import types.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const SOURCE = join(import.meta.dirname, '../../src');

/** From the top down; rooms of one row do not import each other, but that the configuration is read from a host. */
const LEVELS = [
  ['cli', 'daemon', 'kernel-events'],
  ['bootstrap', 'kernel-build'],
  ['reconcile', 'deploy'],
  ['kernels', 'driver', 'dkms', 'signing', 'hugepages', 'init', 'state'],
  ['config'],
  ['host'],
];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);
const imports = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const statements = [
    ...text.matchAll(/^(import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'/gm),
    ...text.matchAll(/()()\bimport\(\s*'([^']+)'\s*\)/g),
  ];
  return statements.map(([, , type, target = '']) => ({
    from: file,
    to: target.startsWith('.') ? relative(SOURCE, join(SOURCE, file, '..', target)) : target,
    typeOnly: type !== undefined && type !== '',
  }));
}

function roomOf(path: string): string | undefined {
  return path.includes('/') ? path.split('/')[0] : undefined;
}

function levelOf(room: string): number {
  return LEVELS.findIndex((rooms) => rooms.includes(room));
}

describe('the arrows between rooms', () => {
  it('has a level for every room', () => {
    const rooms = new Set(files.map(roomOf).filter((room) => room !== undefined));
    expect([...rooms].filter((room) => levelOf(room) < 0)).toEqual([]);
    expect(rooms.size).toBeGreaterThan(5);
  });

  it('lets imports go down only', () => {
    const between = imports.filter(({ from, to }) => {
      const [above, below] = [roomOf(from), roomOf(to)];
      return above !== undefined && below !== undefined && above !== below && files.includes(to);
    });
    const wrong = between.filter(({ from, to }) => levelOf(roomOf(from) ?? '') >= levelOf(roomOf(to) ?? ''));
    expect(between.length).toBeGreaterThan(20);
    expect(wrong).toEqual([]);
  });

  it('touches the machine in src/host only', () => {
    const machine = /^(?:node:)?(?:fs|fs\/promises|child_process|net|dgram|worker_threads|os)$|^execa$/;
    const wrong = imports.filter(
      ({ from, to, typeOnly }) => machine.test(to) && roomOf(from) !== 'host' && !typeOnly,
    );
    expect(wrong).toEqual([]);
  });

  it.each([
    'reconcile/judge.ts',
    'reconcile/evidence.ts',
    'reconcile/facts.ts',
    'reconcile/tree-facts.ts',
    'reconcile/kernel-standing.ts',
    'reconcile/plan.ts',
    'reconcile/plan-hugepages.ts',
    'reconcile/problems.ts',
    'reconcile/kernel-problems.ts',
    'reconcile/machine-problems.ts',
    'reconcile/left-to.ts',
    'reconcile/hugepage-problems.ts',
  ])('lets %s import types of other rooms and nothing else', (file) => {
    const mine = imports.filter(({ from }) => from === file);
    const wrong = mine.filter(({ to, typeOnly }) => !typeOnly && !to.startsWith('reconcile/'));
    expect(mine.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });
});
