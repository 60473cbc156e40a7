// What the daemon does when: pure, so that days of events fit in a table. One job at a time, and none without a cause.
import type { Config } from '../config/config.ts';
import type { Trigger } from '../state/state.ts';

/** What a child is started for. */
export type Job =
  | {
      readonly kind: 'reconcile';
      readonly trigger: Trigger;
      readonly release: string | undefined;
      readonly force: boolean;
    }
  /** Somebody else has worked: nothing is to be done, but the status is another. */
  | { readonly kind: 'status' };

/** All times are in milliseconds; moments count from 1970. */
export interface Timing {
  /** Nothing may have happened for so long before a change is acted on. */
  readonly settle: number;
  /** All is looked at once in this time, whatever was or was not heard. */
  readonly resync: number;
}

export interface Schedule {
  /** When the last event was heard. */
  readonly at: number;
  readonly running: Job | undefined;
  /** The first and the last change that no job has looked at yet. */
  readonly changed: { readonly first: number; readonly last: number } | undefined;
  /** When the last job said that another look is worth while. */
  readonly again: number | undefined;
  /** How long after its end that was: what goes on changing is not looked at more often than that. */
  readonly lull: number;
  readonly resyncAt: number;
  readonly statusIsOld: boolean;
  readonly requests: readonly Job[];
}

export type ScheduleEvent =
  | { readonly type: 'time' }
  /** Something that a driver is built from, or the settings, may have changed. */
  | { readonly type: 'changed' }
  /** A run that the daemon did not start has ended. */
  | { readonly type: 'other-run-ended' }
  | { readonly type: 'requested'; readonly job: Job }
  | { readonly type: 'ended'; readonly again: number | undefined };

/** Changes that never end are acted on after this many settle times, and at least so many milliseconds. */
const PATIENCE = { times: 20, least: 60_000 };

/** How often all is looked at where nothing can be heard, in milliseconds. */
const BLIND_RESYNC = 5 * 60_000;

/** Requests that wait; more of them would find nothing to do. */
const MOST_REQUESTS = 8;

/** @param open whether changes are heard */
export function timingOf(config: Pick<Config, 'watch'>, open: boolean): Timing {
  const longest = open ? Number.POSITIVE_INFINITY : BLIND_RESYNC;
  return { settle: config.watch.settle, resync: Math.min(config.watch.resync, longest) };
}

export function firstSchedule(now: number): Schedule {
  return {
    at: now,
    running: undefined,
    changed: undefined,
    again: now,
    lull: 0,
    resyncAt: now,
    statusIsOld: false,
    requests: [],
  };
}

/** What follows from an event: the new schedule, and the job that is to be started, if one is. */
export function advance(
  before: Schedule,
  event: ScheduleEvent,
  now: number,
  timing: Timing,
): { readonly schedule: Schedule; readonly start: Job | undefined } {
  const heard = hear({ ...inStep(before, now), at: now }, event, now, timing);
  const job = heard.running === undefined ? nextJob(heard, now, timing) : undefined;
  if (job === undefined) return { schedule: heard, start: undefined };
  return { schedule: started(heard, job, now, timing), start: job };
}

/** When something is to be done though nothing happens until then. */
export function wakeAt(schedule: Schedule, timing: Timing): number | undefined {
  if (schedule.running !== undefined) return undefined;
  return Math.min(dueAt(schedule, timing), schedule.again ?? Number.POSITIVE_INFINITY, schedule.resyncAt);
}

/** Whether there is room for another request. */
export function accepts({ requests }: Schedule): boolean {
  return requests.length < MOST_REQUESTS;
}

/** A clock that was set back leaves every moment as far ahead as it was when the last event was heard. */
function inStep(schedule: Schedule, now: number): Schedule {
  const back = schedule.at - now;
  if (back <= 0) return schedule;
  const { changed, again, resyncAt } = schedule;
  return {
    ...schedule,
    changed: changed && { first: changed.first - back, last: changed.last - back },
    again: again === undefined ? undefined : again - back,
    resyncAt: resyncAt - back,
  };
}

function hear(schedule: Schedule, event: ScheduleEvent, now: number, timing: Timing): Schedule {
  switch (event.type) {
    case 'time':
      return { ...schedule, resyncAt: Math.min(schedule.resyncAt, now + timing.resync) };
    case 'changed':
      return { ...schedule, changed: { first: schedule.changed?.first ?? now, last: now } };
    case 'other-run-ended':
      return { ...schedule, statusIsOld: true };
    case 'requested':
      // What waits already will be done for this one too.
      return schedule.requests.some((one) => isSame(one, event.job))
        ? schedule
        : { ...schedule, requests: [...schedule.requests, event.job] };
    case 'ended':
      return {
        ...schedule,
        running: undefined,
        // One that an earlier look has planned stands; a job that looked at everything has taken it off.
        again: earlier(schedule.again, event.again === undefined ? undefined : now + event.again),
        lull: schedule.running?.kind === 'status' ? schedule.lull : (event.again ?? 0),
      };
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function isSame(a: Job, b: Job): boolean {
  if (a.kind === 'status' || b.kind === 'status') return a.kind === b.kind;
  return a.release === b.release && a.force === b.force && a.trigger === b.trigger;
}

function nextJob(schedule: Schedule, now: number, timing: Timing): Job | undefined {
  const [request] = schedule.requests;
  if (request !== undefined) return request;
  if (now >= dueAt(schedule, timing) || (schedule.again !== undefined && now >= schedule.again)) {
    return { kind: 'reconcile', trigger: 'watch', release: undefined, force: false };
  }
  if (now >= schedule.resyncAt) {
    return { kind: 'reconcile', trigger: 'timer', release: undefined, force: false };
  }
  return schedule.statusIsOld ? { kind: 'status' } : undefined;
}

/** A job that looks at everything settles what was heard before it. */
function started(schedule: Schedule, job: Job, now: number, timing: Timing): Schedule {
  const base = { ...schedule, running: job, statusIsOld: false, requests: schedule.requests.slice(1) };
  if (job.kind === 'status' || job.release !== undefined) return base;
  return { ...base, changed: undefined, again: undefined, resyncAt: now + timing.resync };
}

function dueAt({ changed, lull }: Schedule, { settle }: Timing): number {
  if (changed === undefined) return Number.POSITIVE_INFINITY;
  const patience = Math.max(settle * PATIENCE.times, PATIENCE.least, lull);
  return Math.min(changed.last + settle, changed.first + patience);
}
