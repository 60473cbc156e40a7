// What the executors of steps share: the machine, the state that they keep up to date, and how dkms is to run.
import type { RunSettings } from '../dkms/commands.ts';
import type { Host } from '../host/host.ts';
import type { HeldLock } from '../host/lock.ts';
import type { KernelSigning } from '../signing/signing.ts';
import { type Fingerprint, STATE_PATH, type State, saveState } from '../state/state.ts';
import type { UnwrittenRecords } from '../state/unwritten.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './plan.ts';
import type { Step } from './step.ts';

/** How a step ended. */
export interface Outcome {
  readonly outcome: 'done' | 'failed' | 'skipped' | 'cancelled';
  /** One line: what came of it. */
  readonly text: string;
  /** What to do about a failure. */
  readonly hint?: string;
  readonly log?: string | undefined;
  /** Something that the admin should know of what was done all the same. */
  readonly warning?: string | undefined;
  /** Of a build: what it was begun from. */
  readonly builtFrom?: Fingerprint | undefined;
}

export interface StepReport extends Outcome {
  readonly step: Step;
  readonly seconds: number;
}

export interface Work {
  readonly host: Host;
  /** As of the run's look; what waiting for somebody has made old is looked at again. */
  observation: Observation;
  readonly lock: HeldLock;
  readonly policy: Policy;
  readonly signal: AbortSignal;
  /** Jobs and load limit for make, from the caller's MAKEOPTS or the machine's processors. */
  readonly jobs: number;
  readonly load: string | undefined;
  /** The lock's descriptor. */
  readonly descriptor: number;
  /** Whether another run waits for the lock: what can be done later makes way for it. */
  readonly isAwaited: () => boolean;
  readonly onLine: (line: string) => void;
  /** Records that could not be written. */
  readonly unwritten: UnwrittenRecords;
  /** What modules that were built in this run were to be signed with, by release: it may be an archive's matter. */
  readonly signing: Map<string, KernelSigning>;
  /** The state as it is on disk; changed by `remember`. */
  state: State;
}

/**
 * Changes the state and writes it before anything else happens. A module is worth more than what is remembered of it:
 * where the state cannot be written, the work goes on, and the report says so.
 * @returns whether it was written
 */
export function remember(work: Work, change: Partial<State>): boolean {
  work.state = { ...work.state, ...change };
  return work.unwritten.attempt('state', STATE_PATH, () => saveState(work.host.fs, work.state));
}

/** How dkms is to run for this work. */
export function runSettings(work: Work): RunSettings {
  const { build } = work.observation.config;
  return {
    tree: work.observation.dkms.tree,
    jobs: work.jobs,
    load: work.load,
    variables: [],
    path: undefined,
    nice: build.nice,
    timeLimit: build.timeLimit,
    signal: work.signal,
    keepOpen: work.descriptor,
    onLine: work.onLine,
  };
}

/**
 * The machine for what changes the modules in its kernel: a modprobe that goes on after we were killed goes on holding
 * the lock, so that nobody begins anything beside it.
 */
export function hostUnderLock({ host, descriptor }: Work): Host {
  const { exec } = host;
  return {
    ...host,
    exec: {
      ...exec,
      query: (command, args, options) => exec.query(command, args, { ...options, keepOpen: descriptor }),
    },
  };
}
