// The daemon's vigil over runs of others: one that is killed takes nothing back, and so no file tells of its end.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createVigil } from '../../../src/daemon/vigil.ts';
import { announceRun, RUN_PATH } from '../../../src/state/run.ts';
import { memoryHost } from '../support/memory-host.ts';

const OTHER = process.pid;
const OURS = 4711;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A machine on which a run may be under way, and what the vigil has told, one after another. */
function scene(child: number | undefined = undefined) {
  const { fs } = memoryHost({ files: { [`/proc/${OTHER}/stat`]: stat(OTHER) } });
  const told: string[] = [];
  let busy = false;
  const vigil = createVigil(fs, {
    isIdle: () => !busy,
    isOurs: (pid) => pid === child,
    onEnd: () => void told.push('ended'),
    onKilled: () => void told.push('killed'),
  });
  return {
    vigil,
    told,
    begin: () => announceRun(fs, 'cli', 0),
    end: () => fs.remove(RUN_PATH),
    kill: () => fs.removeTree(`/proc/${OTHER}`),
    work(isBusy: boolean) {
      busy = isBusy;
    },
  };
}

const stat = (pid: number): string =>
  `${pid} (node) S ${Array.from({ length: 30 }, (_, n) => n).join(' ')}\n`;

it('tells of a run that was killed, once, in a few seconds', () => {
  const { vigil, told, begin, kill } = scene();
  begin();
  vigil.look();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([]);
  kill();
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['killed']);
  vi.advanceTimersByTime(600_000);
  expect(told).toEqual(['killed']);
});

it('tells of a run that has ended as soon as it hears of it, and waits for nothing then', () => {
  const { vigil, told, begin, end } = scene();
  begin();
  vigil.look();
  end();
  vigil.look();
  expect(told).toEqual(['ended']);
  expect(vi.getTimerCount()).toBe(0);
});

it('has no timer where no run is under way, or one of the daemon itself', () => {
  const idle = scene();
  idle.vigil.look();
  const own = scene(OTHER);
  own.begin();
  own.vigil.look();
  expect(vi.getTimerCount()).toBe(0);
  expect(own.told).toEqual([]);
});

it('tells of one that was killed before anybody could look', () => {
  const { vigil, told, begin, kill } = scene();
  begin();
  kill();
  vigil.look();
  expect(told).toEqual(['killed']);
  expect(vi.getTimerCount()).toBe(0);
});

it('leaves to the daemon itself what its own run finds after one that was killed', () => {
  const { vigil, told, begin } = scene(OTHER);
  begin();
  vigil.look();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([]);
});

it("tells of another's end after the daemon's own work, which may have begun before it", () => {
  const { vigil, told, begin, end, work } = scene(OURS);
  begin();
  vigil.look();
  work(true);
  end();
  vigil.look();
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual([]);
  work(false);
  vi.advanceTimersByTime(10_000);
  expect(told).toEqual(['ended']);
  expect(vi.getTimerCount()).toBe(0);
});

it('ends with the daemon', () => {
  const { vigil, begin } = scene();
  begin();
  vigil.look();
  vigil.end();
  expect(vi.getTimerCount()).toBe(0);
});
