// The mount of the hugepages is watched while they are mounted as they should be, and nothing else is done for it.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createMountVigil } from '../../../src/daemon/mount-vigil.ts';

const PATH = '/dev/hugepages-1G';
const MINUTE = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function scene() {
  const watches: { path: string; end: (hasGone: boolean) => void; stopped: boolean }[] = [];
  const onGone = vi.fn();
  const vigil = createMountVigil((path, end) => {
    const one = { path, end, stopped: false };
    watches.push(one);
    return () => {
      one.stopped = true;
    };
  }, onGone);
  return { vigil, watches, onGone };
}

it('begins with the first look that finds it mounted, and begins no second one', () => {
  const { vigil, watches } = scene();
  vigil.follow(undefined);
  expect(watches).toHaveLength(0);
  vigil.follow(PATH);
  vigil.follow(PATH);
  expect(watches).toMatchObject([{ path: PATH, stopped: false }]);
  expect(vi.getTimerCount()).toBe(0);
});

it('tells when it has gone, and watches again once it is mounted again', () => {
  const { vigil, watches, onGone } = scene();
  vigil.follow(PATH);
  watches[0]?.end(true);
  expect(onGone).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
  vigil.follow(undefined);
  vigil.follow(PATH);
  expect(watches).toHaveLength(2);
});

it('ends where no pages are wanted any more, and where they are mounted elsewhere', () => {
  const { vigil, watches } = scene();
  vigil.follow(PATH);
  vigil.follow('/mnt/huge');
  vigil.follow(undefined);
  expect(watches).toMatchObject([
    { path: PATH, stopped: true },
    { path: '/mnt/huge', stopped: true },
  ]);
});

it('tries ever more rarely where it cannot watch', () => {
  const { vigil, watches, onGone } = scene();
  vigil.follow(PATH);
  for (const [minutes, count] of [
    [1, 2],
    [2, 3],
    [4, 4],
  ] as const) {
    watches.at(-1)?.end(false);
    vi.advanceTimersByTime(minutes * MINUTE - 1);
    expect(watches).toHaveLength(count - 1);
    vi.advanceTimersByTime(1);
    expect(watches).toHaveLength(count);
  }
  for (let n = 0; n < 10; n += 1) {
    watches.at(-1)?.end(false);
    vi.advanceTimersByTime(60 * MINUTE);
  }
  expect(watches).toHaveLength(14);
  expect(onGone).not.toHaveBeenCalled();
});

it('ends with the daemon, though it waits for another try', () => {
  const { vigil, watches } = scene();
  vigil.follow(PATH);
  watches[0]?.end(false);
  vigil.end();
  expect(vi.getTimerCount()).toBe(0);
});
