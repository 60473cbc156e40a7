// Why a build failed: the first real error in a long log, its cause in words, and what mends it.
import { explain } from './diagnose-causes.ts';
import { explainExit } from './diagnose-exits.ts';
import { explainCarriageReturns } from './diagnose-line-ends.ts';
import { scanLog } from './diagnose-scan.ts';

export { lastMakeLine } from './diagnose-progress.ts';

/** What a diagnosis needs to know of the kernel that was built for. */
export interface DiagnosedKernel {
  readonly release: string;
  /** The value of an option such as `CONFIG_HWMON`, without quotes; undefined where it is off. */
  readonly configuration: (option: string) => string | undefined;
  /** Whether Portage builds this kernel itself. */
  readonly distKernel: boolean;
}

export interface FailedBuild {
  /** dkms's exit status; undefined where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal?: string | undefined;
  readonly timedOut: boolean;
  /** What dkms printed, followed by its make.log. */
  readonly log: string;
  readonly kernel: DiagnosedKernel;
  /** Files of the driver source that bash and make read, and that have carriage returns at the ends of lines. */
  readonly carriageReturns?: readonly string[];
}

export interface Diagnosis {
  /** A stable name for the kind of failure, e.g. `missing-symbol`. */
  readonly code: string;
  /** The first real error, in one line without a full stop. */
  readonly headline: string;
  /** Why, in words; reads well behind the headline and a colon. */
  readonly cause?: string;
  /** The next command or setting. */
  readonly hint: string;
  /** Whether it may go away by itself, so that the next trigger tries again. */
  readonly transient: boolean;
  /** The driver says of itself that it is not for this kernel. */
  readonly unsupported?: boolean;
}

/**
 * Why a build failed. The log is read once, line by line, however long it is. Conditions of the machine (no space,
 * a signal) come before what the compiler said, because they make it say anything.
 */
export function diagnoseBuild(build: FailedBuild): Diagnosis {
  const findings = scanLog(build.log, build.kernel.release);
  return (
    explainEnd(build, findings.clues.has('out-of-memory')) ??
    explainCarriageReturns(build, findings) ??
    explain(build, findings) ??
    explainExit(build, findings)
  );
}

/** What is known without the log: the build did not end by itself. */
function explainEnd(build: FailedBuild, outOfMemory: boolean): Diagnosis | undefined {
  const again = `ttkmdctl reconcile --kernel ${build.kernel.release}`;
  if (build.timedOut) {
    return {
      code: 'time-limit',
      headline: 'the build took longer than its time limit',
      hint: 'raise build.time_limit, or hook.time_limit where a kernel installation waited, in /etc/ttkmd/ttkmd.conf',
      transient: true,
    };
  }
  const signal = build.signal ?? signalOf(build.exitCode);
  if (signal === undefined || outOfMemory) return undefined;
  const killed =
    signal === 'SIGKILL' ? { cause: 'somebody killed it, or the kernel did because memory was short' } : {};
  return {
    code: 'interrupted',
    headline: `the build was ended by ${signal}`,
    ...killed,
    hint: `start it again, as root: ${again}`,
    transient: true,
  };
}

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};

/** A shell reports a child that a signal ended as 128 and the signal's number. */
function signalOf(exitCode: number | undefined): string | undefined {
  if (exitCode === undefined) return 'a signal';
  if (exitCode <= 128 || exitCode > 192) return undefined;
  return SIGNALS[exitCode - 128] ?? `signal ${exitCode - 128}`;
}
