// Output that nobody reads any more, or that no disk takes.
import { fstatSync } from 'node:fs';

/** What is run by others, who look at what was done and not at what was said of it. */
const UNHEARD = new Set(['kernel-event', 'boot', 'daemon']);

/**
 * Has lost output end no work that is under way: a reader that has seen enough, a terminal that was closed and a full
 * disk under a log are no reason to leave half a build behind.
 * @param command the first word of the command line
 * @returns what is to be told at the end: somebody wanted standard output, and does not have all of it
 */
export function outliveOutput(command: string | undefined): () => Promise<Error | undefined> {
  const { stdout, stderr } = process;
  let lost: Error | undefined;
  const note = (error: NodeJS.ErrnoException): void => {
    if (!isUnread(error)) lost ??= error;
  };
  for (const stream of [stdout, stderr])
    if (!stream.listeners('error').includes(bear)) stream.on('error', bear);
  stdout.on('error', note);
  return async () => {
    // A file's failure is told of on the next turn.
    await new Promise(setImmediate);
    stdout.off('error', note);
    return UNHEARD.has(command ?? '') ? undefined : lost;
  };
}

/** An error that somebody listens to ends no process. */
function bear(): void {}

/** A signal for what would go on for ever: nobody reads it any more. */
export function nobodyReads(): AbortSignal {
  const controller = new AbortController();
  process.stdout.once('error', () => controller.abort());
  return controller.signal;
}

function isDevice(descriptor: number): boolean {
  return fstatSync(descriptor).isCharacterDevice();
}

/** A terminal that has gone answers with EIO, and a stream with an error of its own once it has had one. */
function isUnread({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || (code === 'EIO' && isDevice(1));
}
