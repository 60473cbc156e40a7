// What a bootstrap is made of: steps that can be checked, work that can be shown before it is done, and its undoing.
import type { QueryResult, RunResult } from '../host/exec.ts';
import type { Host } from '../host/host.ts';
import type { Choices } from './choices.ts';
import type { Facts } from './facts.ts';
import type { Versions } from './versions.ts';

export type StepName =
  | 'program'
  | 'packages'
  | 'kernel-options'
  | 'source'
  | 'hugepages'
  | 'driver'
  | 'hooks'
  | 'service'
  | 'tt-smi'
  | 'tt-flash'
  | 'tt-topology'
  | 'firmware'
  | 'sfpi'
  | 'podman'
  | 'tt-metalium'
  | 'tt-inference-server';

/** A file of the network's, or of a mirror's. */
export interface Download {
  readonly url: string;
  /** Hexadecimal; undefined where nobody knows it. */
  readonly sha256: string | undefined;
}

/** How something is taken back. Plain data: it is written down before the work that it undoes is done. */
export type Undo =
  /** Removed where it is still what we wrote. */
  | { readonly kind: 'file'; readonly path: string; readonly sha256: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  /** Removed where nothing is in it. */
  | { readonly kind: 'folder'; readonly path: string }
  /** A folder that was made by us, with all that is in it. */
  | { readonly kind: 'tree'; readonly path: string }
  | { readonly kind: 'packages'; readonly manager: 'apt' | 'portage'; readonly names: readonly string[] }
  /** The driver: unloaded where nobody uses it, off all kernels, off dkms's records; its source goes with `tree`. */
  | { readonly kind: 'driver'; readonly version: string }
  /** Free pages that ttkmd had allocated, and their mount, where the driver that used them is not loaded. */
  | { readonly kind: 'hugepages'; readonly path: string }
  /** dkms's folder, with keys that it made, where no other package's modules are recorded in it. */
  | { readonly kind: 'dkms-tree'; readonly path: string }
  | { readonly kind: 'run'; readonly argv: readonly string[] };

/** One thing that a step does. What is shown of it is what is done. */
export type Work =
  | {
      readonly kind: 'run';
      readonly argv: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      /** It reaches out of the machine: the caller's proxy counts for it. */
      readonly network?: boolean;
      /** What it prints is for whoever watches, and not for the log alone. */
      readonly shown?: boolean;
      /** Milliseconds. */
      readonly timeLimit: number;
      /** Asked for right before it is done, since what comes before may decide. */
      readonly undo?: () => Promise<readonly Undo[]> | readonly Undo[];
      /** What to do where it fails. */
      readonly hint?: string;
      /** Exit statuses that are no failure, beside 0, with what they mean. */
      readonly tolerated?: Readonly<Record<number, string>>;
    }
  /** This very program. */
  | {
      readonly kind: 'ttkmdctl';
      readonly args: readonly string[];
      /** Exit statuses that are no failure, beside 0, with what they mean. */
      readonly tolerated?: Readonly<Record<number, string>>;
      readonly undo?: readonly Undo[];
    }
  | { readonly kind: 'write'; readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly kind: 'link'; readonly target: string; readonly path: string }
  | { readonly kind: 'download'; readonly download: Download; readonly to: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly undo: readonly Undo[] }
  | { readonly kind: 'remove'; readonly path: string }
  /** A look that ends the step where something is not as it must be. */
  | { readonly kind: 'insist'; readonly text: string; readonly wrong: () => Promise<Wrong | undefined> };

export interface Wrong {
  readonly message: string;
  readonly hint: string;
}

export interface Check {
  readonly done: boolean;
  /** Why it is done or is to be done, as the end of a sentence. */
  readonly why: string;
  /** Once all was tried, what is left can be gone on with. */
  readonly bearable?: boolean;
}

export interface BootstrapStep {
  readonly name: StepName;
  /** What it brings, in a few words. */
  readonly title: string;
  /** Whether it is needed still. Changes nothing. */
  check(bench: Bench): Promise<Check>;
  /** Why it cannot work here, whatever the steps before it do; told before anything is done. */
  obstacle?(bench: Bench): Promise<Wrong | undefined>;
  /** What is to be done, in order. Changes nothing. */
  plan(bench: Bench): Promise<readonly Work[]>;
}

/** What touches more than files. */
export interface Hands {
  run(work: Extract<Work, { kind: 'run' }>, onLine: (line: string) => void): Promise<RunResult>;
  ttkmdctl(args: readonly string[], onLine: (line: string) => void): Promise<RunResult>;
  /** Asks this very program something that changes nothing. */
  ask(args: readonly string[]): Promise<QueryResult>;
  /** @returns its SHA-256 */
  download(from: string, to: string, sha256: string | undefined): Promise<string>;
}

/** What steps work with. */
export interface Bench {
  readonly host: Host;
  readonly facts: Facts;
  readonly choices: Choices;
  /** All steps of this bootstrap. */
  readonly selected: readonly StepName[];
  readonly versions: Versions;
  readonly hands: Hands;
}
