// A host that is nothing but memory: memfs, a scripted exec, a lock, a clock that tests set, a log they read.
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { createFsFromVolume, Volume } from 'memfs';
import type { Exec } from '../../../src/host/exec.ts';
import { createHostFs, type RawFs } from '../../../src/host/fs.ts';
import type { Clock, Host, Log, Machine } from '../../../src/host/host.ts';
import type { HeldLock, Lock } from '../../../src/host/lock.ts';
import { type ExecScript, type RecordedCall, scriptedExec } from './scripted-exec.ts';

export type { ExecAnswer, ExecRule, ExecScript, RecordedCall } from './scripted-exec.ts';

/** A file's text, or what it is in detail. */
export type FileSpec =
  | string
  | {
      readonly text?: string | undefined;
      /** Permission bits; 0o644 for files and 0o755 for folders unless told. memfs refuses root too: 0 is unreadable. */
      readonly mode?: number | undefined;
      /** The owner's number; 0 unless told. */
      readonly user?: number | undefined;
      readonly group?: number | undefined;
      /** The text of a symbolic link. */
      readonly link?: string | undefined;
      readonly folder?: true | undefined;
      /** A device node's number, `major:minor`. */
      readonly special?: string | undefined;
      /** Milliseconds since 1970. */
      readonly modified?: number | undefined;
    };

export interface MemoryHostOptions {
  /** By absolute path as seen from inside the root; folders above a file are made. */
  readonly files?: Readonly<Record<string, FileSpec>>;
  /** `/` unless told; the files are then below it. */
  readonly root?: string;
  readonly machine?: Partial<Machine>;
  /** Milliseconds since 1970; 2026-01-02 03:04:05 UTC unless told. */
  readonly now?: number;
  /** What commands answer; a command that nothing answers throws. */
  readonly exec?: ExecScript;
  /** `held`: somebody else holds the lock and never lets go. */
  readonly lock?: 'free' | 'held';
}

export interface MemoryClock extends Clock {
  set(now: number): void;
  /** Moves the time on, and with it whoever waits for the lock. */
  advance(ms: number): void;
  /** How long each sleep was asked to be. A sleep ends at once and moves the time on. */
  readonly sleeps: readonly number[];
}

export interface LogEntry {
  readonly level: keyof Log;
  readonly message: string;
  readonly fields: Record<string, unknown> | undefined;
}

export interface MemoryHost extends Host {
  readonly exec: Exec & { readonly calls: readonly RecordedCall[] };
  readonly clock: MemoryClock;
  readonly log: Log & { readonly entries: readonly LogEntry[] };
  /** Adds or replaces files. */
  put(files: Readonly<Record<string, FileSpec>>): void;
  /** Every file with its text, by its path on the volume (the root included). */
  snapshot(): Record<string, string | null>;
}

// memfs asks the process who runs it; in memory root does, whoever runs the tests. Nothing else here asks that.
process.getuid = () => 0;
process.getgid = () => 0;

const DEFAULT_NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A host for one test; nothing of it is shared with another. */
export function memoryHost(options: MemoryHostOptions = {}): MemoryHost {
  const root = options.root ?? '/';
  const volume = new Volume();
  const specials = new Map<string, string>();
  const raw = withDeviceNodes(removingLinks(createFsFromVolume(volume) as unknown as RawFs), specials);
  volume.mkdirSync(root, { recursive: true });
  // The real root folder is 0755; memfs makes its own 0777.
  volume.chmodSync('/', 0o755);
  volume.chownSync('/', 0, 0);
  const put = (files: Readonly<Record<string, FileSpec>>): void => {
    for (const [path, spec] of Object.entries(files)) {
      const outer = root === '/' ? path : `${root}${path}`;
      putFile(volume, outer, spec);
      if (typeof spec !== 'string' && spec.special !== undefined) specials.set(outer, spec.special);
    }
  };
  put(options.files ?? {});

  const clock = memoryClock(options.now ?? DEFAULT_NOW);
  const host: MemoryHost = {
    root,
    put,
    clock,
    fs: createHostFs(raw, root),
    exec: scriptedExec(options.exec, () => host),
    lock: options.lock === 'held' ? heldLock : memoryLock(clock),
    log: memoryLog(),
    snapshot: () => volume.toJSON(),
    machine: {
      runningRelease: undefined,
      arch: 'x86_64',
      chrooted: root !== '/',
      effectiveUser: 0,
      processors: 4,
      ...options.machine,
    },
  };
  return host;
}

/** Folders on the way to a file are root's, whoever runs the tests. */
function makeFolders(volume: Volume, path: string): void {
  if (volume.existsSync(path)) return;
  makeFolders(volume, dirname(path));
  volume.mkdirSync(path, { mode: 0o755 });
  volume.chownSync(path, 0, 0);
}

function putFile(volume: Volume, path: string, spec: FileSpec): void {
  const file = typeof spec === 'string' ? { text: spec } : spec;
  makeFolders(volume, dirname(path));
  if (file.link !== undefined) {
    volume.rmSync(path, { force: true });
    volume.symlinkSync(file.link, path);
    volume.lchownSync(path, file.user ?? 0, file.group ?? 0);
    return;
  }
  if (file.folder) volume.mkdirSync(path, { recursive: true });
  else volume.writeFileSync(path, file.text ?? '');
  volume.chownSync(path, file.user ?? 0, file.group ?? 0);
  volume.chmodSync(path, file.mode ?? (file.folder ? 0o755 : 0o644));
  // Last, because memfs counts a change of mode as a change of content.
  if (file.modified !== undefined) volume.utimesSync(path, file.modified / 1000, file.modified / 1000);
}

interface TickingClock extends MemoryClock {
  /** Calls back once the time has come. */
  at(time: number, wake: () => void): void;
}

function memoryClock(start: number): TickingClock {
  let now = start;
  const sleeps: number[] = [];
  let alarms: { time: number; wake: () => void }[] = [];
  const set = (time: number): void => {
    now = time;
    const due = alarms.filter((alarm) => alarm.time <= now);
    alarms = alarms.filter((alarm) => alarm.time > now);
    for (const alarm of due) alarm.wake();
  };
  return {
    sleeps,
    set,
    now: () => now,
    advance: (ms) => set(now + ms),
    at: (time, wake) => void alarms.push({ time, wake }),
    async sleep(ms) {
      sleeps.push(ms);
      set(now + ms);
    },
  };
}

const heldLock: Lock = { acquire: async () => undefined };

/** First come, first served. A wait ends when the holder lets go, the clock is moved past it, or the signal says so. */
function memoryLock(clock: TickingClock): Lock {
  let taken = 0;
  let held = false;
  const queue: (() => void)[] = [];

  const take = (): HeldLock => {
    held = true;
    taken += 1;
    let mine = true;
    return {
      descriptor: 100 + taken,
      stands: async () => mine,
      lost: false,
      isAwaited: () => queue.length > 0,
      release() {
        if (!mine) return;
        mine = false;
        held = false;
        queue.shift()?.();
      },
    };
  };

  return {
    acquire(wait, signal) {
      if (!held) return Promise.resolve(take());
      if (wait <= 0 || signal?.aborted) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const served = (): void => resolve(take());
        const giveUp = (): void => {
          const place = queue.indexOf(served);
          if (place < 0) return;
          queue.splice(place, 1);
          resolve(undefined);
        };
        queue.push(served);
        clock.at(clock.now() + wait, giveUp);
        signal?.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}

function memoryLog(): MemoryHost['log'] {
  const entries: LogEntry[] = [];
  const at =
    (level: keyof Log) =>
    (message: string, fields?: Record<string, unknown>): void =>
      void entries.push({ level, message, fields });
  return { entries, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** memfs's rmSync follows a link and removes what it leads to; Linux removes the link. */
function removingLinks(raw: RawFs): RawFs {
  return {
    ...raw,
    rmSync(path, options) {
      if (raw.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) raw.unlinkSync(path);
      else raw.rmSync(path, options);
    },
  } as RawFs;
}

/** memfs makes no device nodes: files that stand for them are shown as such. */
function withDeviceNodes(raw: RawFs, specials: ReadonlyMap<string, string>): RawFs {
  const asNode = (stats: Stats | undefined, place: () => string): Stats | undefined => {
    if (specials.size === 0 || stats === undefined) return stats;
    const [major, minor] = specials.get(place())?.split(':').map(Number) ?? [];
    if (major === undefined || minor === undefined) return stats;
    // As the kernel's new_encode_dev() has it.
    const rdev = (minor & 0xff) + major * 256 + (minor >> 8) * 2 ** 20;
    return Object.assign(stats, { rdev, isFile: () => false, isCharacterDevice: () => true });
  };
  return {
    ...raw,
    statSync: (path: string, options?: object) =>
      asNode(raw.statSync(path, options) as Stats | undefined, () => raw.realpathSync(path).toString()),
    lstatSync: (path: string, options?: object) =>
      asNode(raw.lstatSync(path, options) as Stats | undefined, () => path),
  } as RawFs;
}
