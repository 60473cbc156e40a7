// An error for the person who reads it: what happened, and what to do next.

/** The exit statuses of every command. 77 is never used: kernel-install reads it as "success, stop here". */
export const EXIT = {
  ok: 0,
  unhealthy: 1,
  usage: 2,
  configuration: 3,
  rights: 4,
  locked: 5,
  stepFailed: 6,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

export class TtkmdError extends Error {
  /** A stable name for the kind of error, e.g. `config-bad-value`. */
  readonly code: string;
  /** The command or setting that mends it. */
  readonly hint: string;
  readonly exitStatus: ExitStatus;

  constructor(code: string, message: string, hint: string, exitStatus: ExitStatus, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TtkmdError';
    this.code = code;
    this.hint = hint;
    this.exitStatus = exitStatus;
  }
}
