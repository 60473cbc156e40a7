// Ctrl-C and a request to end: what is under way is ended in good order, then the shell is told.

/** What a shell reports for a command that a signal ended: 128 and the signal's number. */
const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A signal that is aborted by Ctrl-C, by `kill` and, unless told otherwise, when the terminal goes away. */
export function interruptible(names: readonly (keyof typeof STATUS)[] = ['SIGINT', 'SIGTERM', 'SIGHUP']): {
  signal: AbortSignal;
  exitStatus: () => number;
} {
  const controller = new AbortController();
  let status: number = STATUS.SIGTERM;
  for (const name of names) {
    process.once(name, () => {
      status = STATUS[name];
      controller.abort();
    });
  }
  return { signal: controller.signal, exitStatus: () => status };
}
