// Text that fits the terminal.
import { describe, expect, it } from 'vitest';
import { age, table, truncate, wrap } from '../../../src/cli/terminal.ts';

describe('age', () => {
  it.each([
    [0, '0 s'],
    [-5000, '0 s'],
    [89_000, '89 s'],
    [12 * 60_000, '12 min'],
    [5 * 3_600_000, '5 h'],
    [3 * 86_400_000, '3 days'],
  ])('%i ms is %s', (ms, text) => {
    expect(age(ms)).toBe(text);
  });
});

describe('wrap', () => {
  it('breaks at spaces and keeps what is to be copied whole', () => {
    expect(wrap('see /usr/src/linux-6.12.58-gentoo-dist for more', 12)).toEqual([
      'see',
      '/usr/src/linux-6.12.58-gentoo-dist',
      'for more',
    ]);
  });
});

describe('table', () => {
  const columns = [
    { title: 'A', expendable: 0 },
    { title: 'B', expendable: 2 },
    { title: 'C', expendable: 1 },
  ];
  const rows = [['aaaa', 'bbbbbbbb', 'cc']];

  it('has columns as wide as their cells', () => {
    expect(table(columns, rows, 80)).toEqual({ head: 'A     B         C', lines: ['aaaa  bbbbbbbb  cc'] });
  });
  it('drops what can be missed when it is too narrow', () => {
    expect(table(columns, rows, 12)).toEqual({ head: 'A     C', lines: ['aaaa  cc'] });
  });
  it('never has a line longer than the terminal', () => {
    const wide = [['a'.repeat(50), '', 'c'.repeat(90)]];
    for (const line of table(columns, wide, 40).lines) expect(line.length).toBeLessThanOrEqual(40);
  });
  it('marks a cut', () => {
    expect(truncate('abcdef', 4)).toBe('abc…');
  });
});
