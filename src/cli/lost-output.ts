// Output that nobody reads any more, or that no disk takes.

/** What is run by others, who look at what was done and not at what was said of it. */
const UNHEARD = new Set(['kernel-event', 'boot', 'daemon']);

/**
 * Has lost output end no work that is under way: a reader that has seen enough, a terminal that was closed and a full
 * disk under a log are no reason to leave half a build behind.
 * @param command the first word of the command line
 * @returns what is to be told at the end: somebody wanted standard output, and does not have all of it
 */
export function outliveOutput(command: string | undefined): () => Promise<Error | undefined> {
  let lost: Error | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isUnread(error)) lost ??= error;
  });
  process.stderr.on('error', () => {});
  return async () => {
    // A file's failure is told of on the next turn.
    await new Promise(setImmediate);
    return UNHEARD.has(command ?? '') ? undefined : lost;
  };
}

/** A signal for what would go on for ever: nobody reads it any more. */
export function nobodyReads(): AbortSignal {
  const controller = new AbortController();
  process.stdout.once('error', () => controller.abort());
  return controller.signal;
}

/** A terminal that has gone answers with EIO, and a stream with an error of its own once it has had one. */
function isUnread({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || (code === 'EIO' && process.stdout.isTTY);
}
