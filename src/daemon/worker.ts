// Carries the schedule out: one child at a time, each started for a reason.
import type { Host } from '../host/host.ts';
import type { OwnCommand } from '../host/own-command.ts';
import type { Digest } from '../reconcile/digest.ts';
import { runsSoFar } from '../state/run.ts';
import { atMost, STOP_GRACE, watchOver } from './patience.ts';
import type { Publisher } from './publish.ts';
import { commandOf, readDigest } from './result.ts';
import {
  accepts,
  advance,
  firstSchedule,
  type Job,
  type ScheduleEvent,
  type Timing,
  wakeAt,
} from './schedule.ts';

/** A child that could not do its work is tried again after this, in milliseconds. */
const RETRY = 60_000;

/** A look that takes longer is ended, in milliseconds. */
const LOOK_LIMIT = 60_000;

/** The longest time that a timer of Node's can have, in milliseconds. */
const LONGEST_TIMER = 0x7fff_ffff;

export interface Worker {
  hear(event: ScheduleEvent): void;
  /** Whether no child is at work. */
  readonly idle: boolean;
  /** The process that does the job under way. */
  readonly child: number | undefined;
  /** Takes a request on, unless enough wait already, or what is under way does not end. */
  request(job: Job): 'taken' | 'full' | 'stuck';
  /** Ends the reconcile under way; false where there is none. */
  cancel(): boolean;
  /** Looks now; those who ask at the same time share a look. */
  refresh(): Promise<void>;
  /** Ends what is under way, in good order. */
  end(): Promise<void>;
}

export interface WorkerParts {
  readonly host: Pick<Host, 'clock' | 'log' | 'fs'>;
  readonly publisher: Publisher;
  readonly timing: () => Timing;
  readonly startCommand: (args: readonly string[]) => OwnCommand;
  /** Called before each look: what changes after it has to be heard. */
  readonly listen: () => Promise<void>;
  /** Milliseconds that a run may be silent: as long as a build may take. */
  readonly mostQuiet: () => number;
  /** Is told of a child that does not end whatever is done, and with undefined that it has ended after all. */
  readonly onStuck: (command: { readonly pid: number; readonly at: number } | undefined) => void;
}

export function createWorker(parts: WorkerParts): Worker {
  const { host, publisher, timing, startCommand, listen } = parts;
  const { clock, log } = host;
  let schedule = firstSchedule(clock.now());
  let child: OwnCommand | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let over = false;
  let cancelled = false;
  let stuck = false;
  let lookIsStuck = false;
  let jobsEnded = 0;

  function hear(event: ScheduleEvent): void {
    if (over) return;
    const next = advance(schedule, event, clock.now(), timing());
    schedule = next.schedule;
    if (next.start !== undefined) void run(next.start);
    wake();
  }

  function wake(): void {
    clearTimeout(timer);
    const at = wakeAt(schedule, timing());
    if (at === undefined) return;
    const left = Math.min(Math.max(0, at - clock.now()), LONGEST_TIMER);
    timer = setTimeout(() => hear({ type: 'time' }), left);
  }

  async function run(job: Job): Promise<void> {
    cancelled = false;
    const digest = await listen()
      .then(() => (over ? undefined : perform(job)))
      .catch(couldNot(job));
    if (over) return;
    const trigger = job.kind === 'reconcile' ? job.trigger : undefined;
    for (const { text, failed, release, step } of digest?.done ?? []) {
      log[failed ? 'error' : 'info'](text, { kernel: release, step, trigger });
    }
    hear({ type: 'ended', again: digest === undefined && !cancelled ? RETRY : digest?.again });
  }

  /** A machine that is out of memory or descriptors may have some in a minute. */
  function couldNot({ kind }: Job): (error: Error) => undefined {
    return ({ message }) => void log.error(`ttkmdctl ${kind} could not be started: ${message}`);
  }

  async function perform(job: Job): Promise<Digest | undefined> {
    child = startCommand(commandOf(job));
    watchOver(child, { mostQuiet: parts.mostQuiet, sign: () => runsSoFar(host.fs), onGivenUp: giveUp(job) });
    const { code, stdout, stderr } = await child.ended;
    child = undefined;
    jobsEnded += 1;
    if (stuck) parts.onStuck(undefined);
    stuck = false;
    const digest = readDigest(stdout);
    // A build that ends with us leaves its kernel without a driver, and nobody is to be alarmed by that.
    if (over) return digest;
    if (digest !== undefined && stderr !== '') log.warn(lastLine(stderr));
    if (digest !== undefined) publisher.publish(digest, clock.now(), true);
    else if (cancelled) log.info('the run was cancelled before it had begun');
    else log.error(`ttkmdctl ${job.kind} ended with ${code}: ${lastLine(stderr)}`);
    return digest;
  }

  /** No second one is started beside it while it lives. */
  function giveUp({ kind }: Job): () => void {
    return () => {
      if (over) return;
      stuck = true;
      const pid = child?.pid ?? 0;
      log.error(
        `ttkmdctl ${kind} (pid ${pid}) was killed and does not end: it hangs in the kernel, and nothing is done until it has ended → see dmesg and /proc/${pid}/stack; reboot where it stays`,
      );
      parts.onStuck({ pid, at: clock.now() });
      void refresh();
    };
  }

  async function look(): Promise<void> {
    const job: Job = { kind: 'status' };
    const endedBefore = jobsEnded;
    const looked = Promise.resolve()
      .then(() => startCommand(commandOf(job)))
      .then((command) => {
        const limit = setTimeout(command.stop, LOOK_LIMIT);
        return command.ended.finally(() => clearTimeout(limit));
      })
      .then(({ stdout }) => readDigest(stdout))
      .catch(couldNot(job))
      .then((digest) => {
        lookIsStuck = false;
        // It may have seen what that job has changed since, and have written it over what that one wrote.
        if (jobsEnded !== endedBefore && !over) return look();
        // Before the first job has ended nobody knows what is still to be done.
        const settled = (schedule.running === undefined || stuck) && publisher.at > 0;
        if (digest !== undefined) publisher.publish(digest, clock.now(), settled);
        return undefined;
      });
    lookIsStuck = true;
    await atMost(LOOK_LIMIT + STOP_GRACE, looked);
  }

  function refresh(): Promise<void> {
    // What was seen last has to do where the last look hangs.
    if (looking === undefined && lookIsStuck) return Promise.resolve();
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  return {
    hear,
    get idle() {
      return schedule.running === undefined;
    },
    get child() {
      return child?.pid;
    },
    request(job) {
      if (stuck) return 'stuck';
      if (!accepts(schedule)) return 'full';
      hear({ type: 'requested', job });
      return 'taken';
    },
    cancel() {
      if (child === undefined || schedule.running?.kind !== 'reconcile') return false;
      cancelled = true;
      child.stop();
      return true;
    },
    refresh,
    async end() {
      over = true;
      clearTimeout(timer);
      child?.stop();
      await atMost(STOP_GRACE, Promise.all([child?.ended, looking]));
    },
  };
}

function lastLine(text: string): string {
  return text.trim().split(/\n\s*/).slice(-2).join(' ');
}
