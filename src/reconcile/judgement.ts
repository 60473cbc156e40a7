// What the observation means: each kernel's state and the machine's, and why.
import type { Device, DriverSource, InstalledModule, LoadedDriver } from '../driver/driver.ts';
import type { ModuleOwner } from '../driver/packaged.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { FailureRecord, ModuleRecord } from '../state/state.ts';
import type { HugepagesJudgement } from './judge-hugepages.ts';
import type { ReloadJudgement } from './judge-loaded.ts';
import type { Observation } from './observation.ts';
import type { WantedDriver } from './wanted-source.ts';

export type Health = 'ok' | 'degraded' | 'failed';

export type ModuleState =
  /** It is what building today would give. */
  | 'current'
  /** It is there and no longer current. */
  | 'drifted'
  | 'missing'
  /** It could not be built or installed. */
  | 'failed'
  /** It will be built once something else has happened: a build tree, a settle time. */
  | 'waiting'
  /** This kernel cannot or shall not have the driver. */
  | 'unsupported'
  /** This user may not look at what it depends on. */
  | 'unknown';

export interface KernelJudgement {
  readonly kernel: Kernel;
  readonly state: ModuleState;
  /** Why it is in that state, in words; undefined where the state says all. */
  readonly reason: string | undefined;
  readonly module: InstalledModule | undefined;
  /** What we wrote down of it; undefined where somebody else has put it there. */
  readonly record: ModuleRecord | undefined;
  readonly failure: FailureRecord | undefined;
  /** The package that its module is left to; undefined where it is ours to build. */
  readonly leftTo: ModuleOwner | undefined;
  /** The machine may come up with it at the next boot. */
  readonly bootable: boolean;
  /** It is gone for good, and what is remembered of it may go too. */
  readonly gone: boolean;
  /** How long until it counts as gone, in milliseconds; undefined where nothing waits for that. */
  readonly goneIn: number | undefined;
}

export interface Problem {
  /** A stable name, e.g. `build-failed`. */
  readonly code: string;
  readonly message: string;
  /** The next thing to do. */
  readonly hint: string;
  readonly release: string | undefined;
  /** Whether health suffers from it. */
  readonly severity: 'failed' | 'degraded' | 'note';
}

export interface DriverJudgement extends WantedDriver {
  readonly sources: readonly DriverSource[];
  readonly loaded: LoadedDriver | undefined;
  /** The loaded driver is another than the one on disk. */
  readonly reload: ReloadJudgement | undefined;
}

export interface Judgement {
  readonly health: Health;
  readonly kernels: readonly KernelJudgement[];
  readonly driver: DriverJudgement;
  readonly devices: readonly Device[];
  /** Undefined where this system is looked at from outside or in a chroot. */
  readonly hugepages: HugepagesJudgement | undefined;
  readonly problems: readonly Problem[];
  readonly observation: Observation;
}
