// What a sandbox can be asked for, and what it answers.
import type { DkmsPart, KernelPart } from './parts.ts';

/** Whose layout a kernel has: Debian's split headers, or one build tree as Gentoo's dist-kernels. */
export type Shape = 'debian' | 'gentoo';

export interface SandboxOptions {
  dkms: DkmsPart;
  /** Kernels that are there from the start. */
  kernels?: readonly KernelPart[];
  /** The shape of kernels where a call does not say; with `gentoo`, /etc/os-release says so too. */
  tree?: Shape;
  /**
   * dkms's hooks: as its package has them (the default), as Gentoo lays them out (dkms 3.2 and later),
   * or none.
   */
  dkmsHooks?: 'own' | 'gentoo' | 'none';
  /** What else is there from the start: folders that `Sandbox.saveLayer` has written, the upper ones first. */
  layers?: readonly string[];
}

export interface KernelOptions {
  shape?: Shape;
  /** Gentoo's shape only: any release may be given to it. */
  release?: string;
  /** Whether its image is in /boot already; the default is yes. */
  image?: boolean;
}

/** A kernel in the sandbox. Paths are as seen inside. */
export interface SandboxKernel {
  release: string;
  shape: Shape;
  /** What /lib/modules/<release>/build leads to. */
  buildTree: string;
  /** The image that a kernel installation would be given, whether or not it is in /boot yet. */
  image: string;
}

export interface DriverOptions {
  version?: string;
  /** `compile`: the compiler fails; `hwmon`: modpost does, on a kernel without CONFIG_HWMON. */
  broken?: 'compile' | 'hwmon';
  /** How long each build sleeps before it compiles. */
  slowSeconds?: number;
  /** Whether dkms.conf has its AUTOINSTALL line; the default is yes, as upstream. */
  autoinstall?: boolean;
}

export interface RunOptions {
  /** Added to a minimal environment; nothing of the test's own reaches the command. */
  env?: Record<string, string>;
  cwd?: string;
  /** Written to standard input, which is empty otherwise. */
  input?: string;
  timeoutMs?: number;
  /** Wait until nobody holds its output any more, not just for its end. */
  untilSilent?: boolean;
  /** Return a result with a non-zero code instead of throwing. */
  allowFailure?: boolean;
}

export interface RunResult {
  /** The exit code; -1 after a signal, which `signal` names. */
  code: number;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface AliveProcess {
  pid: number;
  name: string;
  command: string;
}
