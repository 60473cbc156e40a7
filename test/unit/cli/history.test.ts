// Which of the many steps a person wants to see, and how times are written.
import { describe, expect, it } from 'vitest';
import { chosenEntries, stepWord } from '../../../src/cli/history.ts';
import { localTime } from '../../../src/host/local-time.ts';
import type { HistoryEntry } from '../../../src/state/history.ts';

const entry = (step: string, outcome: HistoryEntry['outcome'] = 'done'): HistoryEntry => ({
  at: 1,
  trigger: 'cli',
  step,
  release: '6.1',
  version: '2.9.0',
  outcome,
  seconds: 4,
  detail: 'x',
  log: undefined,
});

describe('the entries that are shown', () => {
  const all = [
    entry('clean'),
    entry('takeOver'),
    entry('register'),
    entry('placeRule'),
    entry('build'),
    entry('install'),
    entry('forget'),
    entry('unregister'),
    entry('clean', 'failed'),
    entry('register', 'cancelled'),
  ];
  const shown = (lines: number, everything: boolean): string[] =>
    chosenEntries(all, lines, everything).map(({ step, outcome }) => `${step} ${outcome}`);

  it('are those that change what a kernel has, and all that did not end well', () => {
    expect(shown(30, false)).toEqual([
      'takeOver done',
      'build done',
      'install done',
      'forget done',
      'clean failed',
      'register cancelled',
    ]);
  });
  it('are all where everything is asked for', () => {
    expect(shown(30, true)).toHaveLength(all.length);
  });
  it.each([
    [0, []],
    [1, ['register cancelled']],
    [2, ['clean failed', 'register cancelled']],
  ])('are the newest %i', (lines, expected) => {
    expect(shown(lines, false)).toEqual(expected);
    expect(shown(lines, true)).toEqual(expected);
  });
});

it('steps are called by words that people know, each by its own', () => {
  const kinds = [
    'clean',
    'takeOver',
    'register',
    'placeRule',
    'build',
    'install',
    'record',
    'load',
    'forget',
  ];
  const words = [...kinds, 'unregister', 'build-failed-hook'].map(stepWord);
  expect(words.filter((word) => /[A-Z]/.test(word))).toEqual([]);
  expect(new Set(words).size).toBe(words.length);
  expect(stepWord('takeOver')).toBe('take over');
  expect(stepWord('of a later version')).toBe('of a later version');
});

describe('a time', () => {
  it.each([Date.UTC(2026, 0, 2, 3, 4, 5), Date.UTC(2026, 6, 31, 23, 59, 59)])(
    'is local, with the distance from UTC, so that it means one moment: %i',
    (at) => {
      const text = localTime(at);
      expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d\d:\d\d$/);
      expect(Date.parse(text.replace(' ', 'T').replace(' ', ''))).toBe(at);
      expect(text.slice(11, 13)).toBe(String(new Date(at).getHours()).padStart(2, '0'));
    },
  );
});
