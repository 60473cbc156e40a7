// The run under way: who does it, and its events, which everybody who waits or watches reads along.
import type { HostFs } from '../host/fs.ts';
import type { Clock } from '../host/host.ts';
import { STATE_PATH, type Trigger } from './state.ts';

export const RUN_PATH = '/run/ttkmd/run.json';
const EVENTS_PATH = '/run/ttkmd/events.jsonl';

/** How often a reader looks for new events, in milliseconds. */
const POLL = 100;

export interface RunUnderWay {
  readonly pid: number;
  /** The process's start in clock ticks since boot: a number that was given to another process shows by it. */
  readonly started: string;
  readonly trigger: Trigger;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export type RunEvent =
  | { readonly type: 'run-started'; readonly at: number; readonly trigger: Trigger; readonly steps: number }
  | {
      readonly type: 'step-started';
      readonly at: number;
      readonly index: number;
      readonly step: string;
      readonly text: string;
      readonly release: string | undefined;
    }
  | { readonly type: 'output'; readonly at: number; readonly line: string }
  | {
      readonly type: 'step-ended';
      readonly at: number;
      readonly index: number;
      readonly outcome: 'done' | 'failed' | 'skipped' | 'cancelled';
      readonly text: string;
      readonly seconds: number;
      readonly release: string | undefined;
    }
  | { readonly type: 'run-ended'; readonly at: number; readonly outcome: 'done' | 'failed' | 'cancelled' };

/** Announces a run; only the holder of the lock does. Each run begins an events file of its own. */
export function announceRun(fs: HostFs, trigger: Trigger, now: number): void {
  const run: RunUnderWay = {
    pid: process.pid,
    started: startTicks(fs, process.pid) ?? '',
    trigger,
    since: now,
  };
  fs.write(EVENTS_PATH, '');
  fs.write(RUN_PATH, `${JSON.stringify(run)}\n`);
}

/** Takes the announcement away; that of another run stays. */
export function endRun(fs: HostFs): void {
  if (announced(fs)?.pid === process.pid) fs.remove(RUN_PATH);
}

/**
 * What the runs so far have left, in a word: the same as before where none has changed anything since, and none was
 * under way.
 */
export function runsSoFar(fs: HostFs): string {
  const identify = (path: string): string => {
    const info = fs.stat(path);
    return info === undefined ? '' : `${info.inode}.${info.size}.${info.changed}`;
  };
  return [EVENTS_PATH, RUN_PATH, STATE_PATH].map(identify).join(' ');
}

/** The run under way, or undefined where none is: a file of a process that has ended counts for nothing. */
export function runUnderWay(fs: HostFs): RunUnderWay | undefined {
  const run = announced(fs);
  // Where /proc is not there, as in a root that is worked on from outside, nobody can tell: none, then.
  const started = run === undefined ? undefined : startTicks(fs, run.pid);
  return started !== undefined && started === run?.started ? run : undefined;
}

/** Whether a run was announced and not taken back, be it under way or not: one that is killed leaves that behind. */
export function isRunAnnounced(fs: HostFs): boolean {
  return announced(fs) !== undefined;
}

function announced(fs: HostFs): RunUnderWay | undefined {
  try {
    const run = JSON.parse(fs.readText(RUN_PATH) ?? '') as RunUnderWay | null;
    return typeof run?.pid === 'number' ? run : undefined;
  } catch {
    return undefined;
  }
}

export function appendEvent(fs: HostFs, event: RunEvent): void {
  fs.append(EVENTS_PATH, `${JSON.stringify(event)}\n`);
}

/**
 * Hands on each event of the run under way, from its beginning, until the signal ends it. A new run's file is
 * recognised by being another file.
 */
export async function followEvents(
  host: { readonly fs: HostFs; readonly clock: Clock },
  onEvent: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  // What lies there while no run is under way is the last one's.
  const old = runUnderWay(host.fs) === undefined ? host.fs.stat(EVENTS_PATH) : undefined;
  let inode = old?.inode;
  let offset = old?.size ?? 0;
  let rest = '';
  for (;;) {
    // The last events come just before the end: one more look after it.
    const ended = signal.aborted;
    const info = host.fs.stat(EVENTS_PATH);
    if (info !== undefined && info.inode !== inode) {
      inode = info.inode;
      offset = 0;
      rest = '';
    }
    const news = info !== undefined && info.size > offset ? host.fs.readFrom(EVENTS_PATH, offset) : undefined;
    if (news !== undefined) {
      offset = news.next;
      const lines = (rest + news.text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) deliver(line, onEvent);
    }
    if (ended) return;
    await host.clock.sleep(POLL);
  }
}

function deliver(line: string, onEvent: (event: RunEvent) => void): void {
  try {
    onEvent(JSON.parse(line) as RunEvent);
  } catch {
    // A line of a run that was killed while it wrote.
  }
}

/** Field 22 of `/proc/<pid>/stat`, counted after the command's name, which may hold spaces (proc(5)). */
export function startTicks(fs: HostFs, pid: number): string | undefined {
  const stat = fs.readText(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
