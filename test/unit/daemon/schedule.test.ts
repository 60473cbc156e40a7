// When the daemon does what, on a clock that the table moves.
import { describe, expect, it } from 'vitest';
import {
  accepts,
  advance,
  firstSchedule,
  type Job,
  type Schedule,
  type ScheduleEvent,
  timingOf,
  wakeAt,
} from '../../../src/daemon/schedule.ts';

const TIMING = { settle: 3000, resync: 6 * 3_600_000 };
const HOUR = 3_600_000;

/** Moments in milliseconds from the start, with what happens there. */
type Moment = readonly [at: number, event: ScheduleEvent];

const CHANGED: ScheduleEvent = { type: 'changed' };
const ENDED: ScheduleEvent = { type: 'ended', again: undefined };
const ask = (release?: string): ScheduleEvent => ({
  type: 'requested',
  job: { kind: 'reconcile', trigger: 'cli', release, force: false },
});

/** Plays the moments, with the timer going off in between, and tells which jobs were started when. */
function play(moments: readonly Moment[], until: number): string[] {
  const log: string[] = [];
  let schedule: Schedule = firstSchedule(0);
  const apply = (at: number, event: ScheduleEvent): void => {
    const next = advance(schedule, event, at, TIMING);
    schedule = next.schedule;
    if (next.start !== undefined) log.push(`${at} ${short(next.start)}`);
  };
  const ringUntil = (end: number): void => {
    for (let at = wakeAt(schedule, TIMING); at !== undefined && at <= end; at = wakeAt(schedule, TIMING)) {
      apply(at, { type: 'time' });
    }
  };
  for (const [at, event] of moments) {
    ringUntil(at);
    apply(at, event);
  }
  ringUntil(until);
  return log;
}

function short(job: Job): string {
  return job.kind === 'status' ? 'status' : [job.trigger, job.release].filter(Boolean).join(' ');
}

const FIRST: Moment = [500, ENDED];

describe('the schedule', () => {
  it.each<[string, readonly Moment[], number, string[]]>([
    ['begins with a look at everything', [], 10, ['0 watch']],
    ['does nothing where nothing happens', [FIRST], HOUR, ['0 watch']],
    [
      'looks once in a resync time',
      [FIRST, [6 * HOUR + 5, ENDED]],
      12 * HOUR + 1,
      ['0 watch', `${6 * HOUR} timer`, `${12 * HOUR} timer`],
    ],
    ['waits for quiet', [FIRST, [10_000, CHANGED]], HOUR, ['0 watch', '13000 watch']],
    [
      'counts from the last of many changes',
      [FIRST, [10_000, CHANGED], [12_000, CHANGED], [14_500, CHANGED]],
      HOUR,
      ['0 watch', '17500 watch'],
    ],
    [
      'acts on changes that never end',
      [FIRST, ...Array.from({ length: 100 }, (_, n): Moment => [10_000 + n * 1000, CHANGED])],
      80_000,
      ['0 watch', '70000 watch'],
    ],
    [
      'acts on them no sooner than the last job has said that it is worth while',
      [
        [500, { type: 'ended', again: 300_000 }],
        ...Array.from({ length: 400 }, (_, n): Moment => [1000 + n * 1000, CHANGED]),
      ],
      400_000,
      ['0 watch', '300500 watch'],
    ],
    [
      '… and at once where they end',
      [
        [500, { type: 'ended', again: 300_000 }],
        [1000, CHANGED],
      ],
      100_000,
      ['0 watch', '4000 watch'],
    ],
    [
      '… and as before after a job that said nothing like it',
      [
        [500, { type: 'ended', again: 300_000 }],
        [1000, CHANGED],
        [4500, ENDED],
        ...Array.from({ length: 100 }, (_, n): Moment => [10_000 + n * 1000, CHANGED]),
      ],
      80_000,
      ['0 watch', '4000 watch', '70000 watch'],
    ],
    [
      'hears what changes while a job is under way',
      [FIRST, [10_000, CHANGED], [13_500, CHANGED], [60_000, ENDED]],
      HOUR,
      ['0 watch', '13000 watch', '60000 watch'],
    ],
    [
      'looks again when the last job said so',
      [
        [500, { type: 'ended', again: 1500 }],
        [2100, ENDED],
      ],
      HOUR,
      ['0 watch', '2000 watch'],
    ],
    [
      'looks again when an earlier job said so, whatever one of a single kernel says later',
      [
        [500, { type: 'ended', again: 6000 }],
        [1000, ask('a')],
        [3000, { type: 'ended', again: 60_000 }],
        [7000, ENDED],
      ],
      HOUR,
      ['0 watch', '1000 cli a', '6500 watch'],
    ],
    [
      '… and sooner, where that says so',
      [
        [500, { type: 'ended', again: 60_000 }],
        [1000, ask('a')],
        [3000, { type: 'ended', again: 6000 }],
        [9500, ENDED],
      ],
      HOUR,
      ['0 watch', '1000 cli a', '9000 watch'],
    ],
    [
      'does a request at once, and then what was due',
      [FIRST, [10_000, CHANGED], [10_100, ask('6.1')], [14_000, ENDED]],
      HOUR,
      ['0 watch', '10100 cli 6.1', '14000 watch'],
    ],
    [
      'needs no other look after a request for everything',
      [FIRST, [10_000, CHANGED], [10_100, ask()], [14_000, ENDED]],
      HOUR,
      ['0 watch', '10100 cli'],
    ],
    [
      'does requests one after another',
      [FIRST, [1000, ask('a')], [1001, ask('b')], [2000, ENDED]],
      HOUR,
      ['0 watch', '1000 cli a', '2000 cli b'],
    ],
    [
      'does once what is asked for twice, unless it is under way already',
      [
        FIRST,
        [1000, ask('a')],
        [1001, ask('b')],
        [1002, ask('b')],
        [1003, ask('a')],
        [2000, ENDED],
        [3000, ENDED],
        [4000, ENDED],
      ],
      HOUR,
      ['0 watch', '1000 cli a', '2000 cli b', '3000 cli a'],
    ],
    [
      'renews the status after runs of others',
      [FIRST, [1000, { type: 'other-run-ended' }], [1100, ENDED]],
      HOUR,
      ['0 watch', '1000 status'],
    ],
    [
      'needs no look at the status where everything is looked at anyway',
      [
        [100, { type: 'other-run-ended' }],
        [200, CHANGED],
        [3200, ENDED],
      ],
      3300,
      ['0 watch', '3200 watch'],
    ],
  ])('%s', (_, moments, until, expected) => {
    expect(play(moments, until)).toEqual(expected);
  });

  it('asks for no timer while a job is under way: its end is what comes next', () => {
    const { schedule } = advance(firstSchedule(0), { type: 'time' }, 0, TIMING);
    expect(wakeAt(schedule, TIMING)).toBeUndefined();
  });

  it('takes a few requests on, and no more', () => {
    let schedule = advance(firstSchedule(0), { type: 'time' }, 0, TIMING).schedule;
    let taken = 0;
    while (accepts(schedule) && taken < 100) {
      schedule = advance(schedule, ask(`6.${taken}`), 10, TIMING).schedule;
      taken += 1;
    }
    expect(taken).toBe(8);
  });

  it.each<[string, number]>([
    ['back by a year', -365 * 24 * HOUR],
    ['back by an hour', -HOUR],
  ])('keeps its distances when the clock is set %s', (_, step) => {
    let schedule = advance(firstSchedule(0), { type: 'time' }, 0, TIMING).schedule;
    schedule = advance(schedule, { type: 'ended', again: 9000 }, 500, TIMING).schedule;
    schedule = advance(schedule, CHANGED, 1000, TIMING).schedule;
    // The timer goes off after the time that it was set to, whatever the clock says now.
    schedule = advance(schedule, { type: 'time' }, 4000 + step, TIMING).schedule;
    expect(wakeAt(schedule, TIMING)).toBe(4000 + step + TIMING.settle);
    expect(schedule.again).toBe(4000 + step + 8500);
    const next = advance(schedule, { type: 'time' }, 7000 + step, TIMING);
    expect(next.start).toMatchObject({ trigger: 'watch' });
    expect(next.schedule.resyncAt).toBe(7000 + step + TIMING.resync);
  });

  it.each<[string, boolean, number, number]>([
    ['at each resync where changes are heard', true, 6 * HOUR, 6 * HOUR],
    ['every five minutes where they are not', false, 6 * HOUR, 300_000],
    ['no more rarely than the settings say, there either', false, 10_000, 10_000],
  ])('looks at everything %s', (_, open, resync, expected) => {
    expect(timingOf({ watch: { settle: 3000, resync } }, open)).toEqual({ settle: 3000, resync: expected });
  });

  it('follows a shorter resync at once', () => {
    const { schedule } = advance(firstSchedule(0), { type: 'time' }, 0, TIMING);
    const idle = advance(schedule, ENDED, 100, TIMING).schedule;
    const hurried = { ...TIMING, resync: 1000 };
    const next = advance(idle, { type: 'time' }, 200, hurried);
    expect(wakeAt(next.schedule, hurried)).toBe(1200);
  });
});
