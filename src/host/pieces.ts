// What a stream brings, for as long as it brings anything.
import { TtkmdError } from './errors.ts';
import { failed, type RequestOptions, reasonOf } from './web.ts';

export type ByteStream = NodeJS.ReadableStream & { destroy(): void };

export interface PiecesOptions extends Pick<RequestOptions, 'patience' | 'signal'> {
  /** What the stream is of, for messages: an address or a path. */
  readonly from: string;
  /** Bytes that it is to have; undefined where nobody knows. */
  readonly total: number | undefined;
  /** Bytes from which on it is not what is expected. */
  readonly most: number;
}

/**
 * Gives a stream's pieces as they come, and closes it in any case.
 * @throws TtkmdError that says why it is not whole; the signal's reason where that was given
 */
export async function* pieces(
  stream: ByteStream,
  { from, total, most, patience, signal }: PiecesOptions,
): AsyncGenerator<Buffer, void> {
  let done = 0;
  let stalled = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    timer = setTimeout(() => {
      stalled = true;
      stream.destroy();
    }, patience);
  };
  const cutShort = (): string => `it ended after ${done} of ${total ?? 'an unknown number of'} bytes`;
  try {
    wait();
    for await (const piece of stream as AsyncIterable<Buffer>) {
      // What is done with a piece may take its time.
      clearTimeout(timer);
      done += piece.length;
      if (done > most) throw failed(from, 'it is larger than anything that is expected');
      yield piece;
      wait();
    }
    if (stalled || (total !== undefined && done !== total)) throw failed(from, cutShort());
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (stalled) throw failed(from, `nothing came for ${patience / 1000} s`);
    if (error instanceof TtkmdError) throw error;
    throw failed(from, `${cutShort()}: ${reasonOf(error)}`, error);
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}
