// Carries the schedule out: one child at a time, each started for a reason.
import type { Host } from '../host/host.ts';
import type { OwnCommand } from '../host/own-command.ts';
import type { Digest } from '../reconcile/digest.ts';
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

/** The longest time that a timer of Node's can have, in milliseconds. */
const LONGEST_TIMER = 0x7fff_ffff;

export interface Worker {
  hear(event: ScheduleEvent): void;
  /** Whether no child is at work. */
  readonly idle: boolean;
  /** Takes a request on; false where enough wait already. */
  request(job: Job): boolean;
  /** Ends the reconcile under way; false where there is none. */
  cancel(): boolean;
  /** Looks now; those who ask at the same time share a look. */
  refresh(): Promise<void>;
  /** Ends what is under way, in good order. */
  end(): Promise<void>;
}

export interface WorkerParts {
  readonly host: Pick<Host, 'clock' | 'log'>;
  readonly publisher: Publisher;
  readonly timing: () => Timing;
  readonly startCommand: (args: readonly string[]) => OwnCommand;
  /** Called before each look: what changes after it has to be heard. */
  readonly listen: () => Promise<void>;
}

export function createWorker({ host, publisher, timing, startCommand, listen }: WorkerParts): Worker {
  const { clock, log } = host;
  let schedule = firstSchedule(clock.now());
  let child: OwnCommand | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let over = false;
  let cancelled = false;

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
    const { code, stdout, stderr } = await child.ended;
    child = undefined;
    const digest = readDigest(stdout);
    // A build that ends with us leaves its kernel without a driver, and nobody is to be alarmed by that.
    if (over) return digest;
    if (digest !== undefined && stderr !== '') log.warn(lastLine(stderr));
    if (digest !== undefined) publisher.publish(digest, clock.now(), true);
    else if (cancelled) log.info('the run was cancelled before it had begun');
    else log.error(`ttkmdctl ${job.kind} ended with ${code}: ${lastLine(stderr)}`);
    return digest;
  }

  async function look(): Promise<void> {
    const job: Job = { kind: 'status' };
    const digest = await Promise.resolve()
      .then(() => startCommand(commandOf(job)).ended)
      .then(({ stdout }) => readDigest(stdout))
      .catch(couldNot(job));
    // Before the first job has ended nobody knows what is still to be done.
    const settled = schedule.running === undefined && publisher.at > 0;
    if (digest !== undefined) publisher.publish(digest, clock.now(), settled);
  }

  return {
    hear,
    get idle() {
      return schedule.running === undefined;
    },
    request(job) {
      if (!accepts(schedule)) return false;
      hear({ type: 'requested', job });
      return true;
    },
    cancel() {
      if (child === undefined || schedule.running?.kind !== 'reconcile') return false;
      cancelled = true;
      child.stop();
      return true;
    },
    refresh() {
      looking ??= look().finally(() => {
        looking = undefined;
      });
      return looking;
    },
    async end() {
      over = true;
      clearTimeout(timer);
      child?.stop();
      await child?.ended;
      await looking;
    },
  };
}

function lastLine(text: string): string {
  return text.trim().split(/\n\s*/).slice(-2).join(' ');
}
