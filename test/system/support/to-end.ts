// Runs a child to its end, with all that it wrote until then.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { killGroup } from './namespace.ts';
import type { RunOptions, RunResult } from './sandbox-options.ts';

// A build of the sample takes 2 s, dkms with it 5 to 10 s, on a busy machine several times that.
const DEFAULT_TIMEOUT_MS = 120_000;

/** What a stream brings. */
class Output {
  readonly #chunks: Buffer[] = [];

  constructor(stream: Readable | null) {
    stream?.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
  }

  /**
   * What was written by now. What a child leaves behind may hold the pipe open for seconds, as the sleep between dkms's
   * progress dots does; the child's own words are in the pipe when it ends, so it is read until there is nothing more.
   */
  async untilNow(): Promise<string> {
    for (let read = -1; read !== this.#chunks.length; ) {
      read = this.#chunks.length;
      // What can be read is, between one turn of the event loop and the next.
      await turn();
      await turn();
    }
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** Throws, with its output, when it fails and may not. */
export async function toEnd(
  child: ChildProcess,
  argv: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, timeoutMs);
  // A command that reads nothing closes its end; that is no failure of the test.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  const [out, err] = [new Output(child.stdout), new Output(child.stderr)];
  const [code, signal] = (await once(child, options.untilSilent ? 'close' : 'exit')) as [
    number | null,
    NodeJS.Signals | null,
  ];
  clearTimeout(timer);
  const [stdout, stderr] = [await out.untilNow(), await err.untilNow()];
  const result: RunResult = { code: code ?? -1, signal, stdout, stderr };
  if (timedOut) throw new Error(`${argv.join(' ')}: no end after ${timeoutMs} ms\n${stdout}${stderr}`);
  if (result.code !== 0 && !options.allowFailure) {
    throw new Error(`${argv.join(' ')}: ended with ${signal ?? code}\n${stdout}${stderr}`);
  }
  return result;
}
