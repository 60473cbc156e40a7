// A short answer of the web's as text: whole, or not at all.
import { TtkmdError } from './errors.ts';
import { failed, type RequestOptions, request } from './web.ts';

/** More than any index that is asked for has. */
const MOST_BYTES = 32 * 1024 ** 2;

/** @throws TtkmdError that names the address and the reason */
export async function requestText(url: string, options: RequestOptions): Promise<string> {
  const answer = await request(url, options);
  const length = answer.headers['content-length'];
  const pieces: Buffer[] = [];
  let done = 0;
  let timer: NodeJS.Timeout | undefined;
  let stalled = false;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      answer.destroy();
    }, options.patience);
  };
  try {
    wait();
    for await (const piece of answer as AsyncIterable<Buffer>) {
      wait();
      done += piece.length;
      if (done > MOST_BYTES) throw failed(url, 'it is larger than anything that is expected');
      pieces.push(piece);
    }
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    if (stalled) throw failed(url, `nothing came for ${options.patience / 1000} s`);
    if (error instanceof TtkmdError) throw error;
    throw failed(url, `it ended after ${done} of ${length ?? 'an unknown number of'} bytes`, error);
  } finally {
    clearTimeout(timer);
    answer.destroy();
  }
  if (length !== undefined && done !== Number(length))
    throw failed(url, `it ended after ${done} of ${length} bytes`);
  return Buffer.concat(pieces).toString('utf8');
}
