// What is asked for often is done once, a moment later.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createSoon } from '../../../src/daemon/soon.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each<[string, readonly number[], number, number]>([
  ['not at once', [0], 299, 0],
  ['a moment later', [0], 300, 1],
  ['once for all that came meanwhile', [0, 1, 2, 150, 299], 10_000, 1],
  ['however long they go on', Array.from({ length: 10 }, (_, n) => n * 100), 899, 2],
  ['once more for what came after that', [0, 301], 10_000, 2],
])('%s', (_, asked, until, times) => {
  const act = vi.fn();
  const soon = createSoon(300, act);
  for (const at of asked) setTimeout(soon.ask, at);
  vi.advanceTimersByTime(until);
  expect(act).toHaveBeenCalledTimes(times);
});

it.each([true, false])('never once it is ended, asked for before (%s) and after', (before) => {
  const act = vi.fn();
  const soon = createSoon(300, act);
  if (before) soon.ask();
  soon.end();
  soon.ask();
  vi.advanceTimersByTime(10_000);
  expect(act).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});
