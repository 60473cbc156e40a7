// What the rest of the program may ask of a machine: one object, handed in, never a global.
import type { Exec } from './exec.ts';
import type { HostFs } from './fs.ts';
import type { Lock } from './lock.ts';

/** Facts about the machine that do not change while a command runs. */
export interface Machine {
  /** The running kernel's release; undefined where it says nothing about this root (a chroot, `--root DIR`). */
  readonly runningRelease: string | undefined;
  /** The architecture as `uname -m` prints it, e.g. `x86_64`. */
  readonly arch: string;
  /** True inside a chroot or with `--root`: nothing is loaded there and no hugepages are asked for. */
  readonly chrooted: boolean;
  readonly effectiveUser: number;
  readonly processors: number;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Messages for the people who run the machine; fields are for machines that read them. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface Host {
  /** `/` on a machine, another folder for `--root DIR` and in tests. */
  readonly root: string;
  readonly machine: Machine;
  readonly fs: HostFs;
  readonly exec: Exec;
  readonly lock: Lock;
  readonly clock: Clock;
  readonly log: Log;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
