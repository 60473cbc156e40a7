// Whether a tree is still being written, by the times that find tells.
import { describe, expect, it } from 'vitest';
import { changedSince } from '../../../src/kernels/quiet.ts';
import { type ExecAnswer, memoryHost } from '../support/memory-host.ts';

const NOW = Date.UTC(2026, 0, 2);
const SETTLE = 3000;
const YEAR = 365 * 86_400_000;

/** What find prints of folders that were changed so many milliseconds ago. */
function foundAt(...ages: number[]): string {
  return ages.map((age) => `${((NOW - age) / 1000).toFixed(10)}\n`).join('');
}

describe('when a tree was last written to', () => {
  it.each<[string, ExecAnswer, number | undefined]>([
    ['never, of late', '', undefined],
    ['a second ago', foundAt(2500, 1000, 2000), NOW - 1000],
    ['in a moment, by a clock that was set back a little', foundAt(1000, -2000), NOW + 2000],
    ['in a year, by a clock that was wrong then: that tells nothing', foundAt(-YEAR), undefined],
    ['a second ago in one folder, in a year in another', foundAt(-YEAR, 1000), NOW - 1000],
    ['nobody can tell without find', { code: 127 }, undefined],
  ])('%s', async (_, answer, expected) => {
    const host = memoryHost({ now: NOW, exec: [{ on: 'find', answer }] });
    expect(await changedSince(host, '/usr/src/linux', NOW - SETTLE)).toBe(expected);
  });
});
