// Ctrl-C and a request to end: what is under way is ended in good order, then the shell is told.

/** What a shell reports for a command that a signal ended: 128 and the signal's number. */
const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A signal that is aborted by Ctrl-C, by `kill` and when the terminal goes away. */
export function interruptible(): { signal: AbortSignal; exitStatus: () => number } {
  const controller = new AbortController();
  let status: number = STATUS.SIGTERM;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      status = STATUS[name];
      controller.abort();
    });
  }
  return { signal: controller.signal, exitStatus: () => status };
}
