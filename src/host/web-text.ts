// A short answer of the web's as text: whole, or not at all.
import { pieces } from './pieces.ts';
import { type RequestOptions, request } from './web.ts';

/** More than any index that is asked for has. */
const MOST_BYTES = 32 * 1024 ** 2;

/** @throws TtkmdError that names the address and the reason */
export async function requestText(url: string, options: RequestOptions): Promise<string> {
  const answer = await request(url, options);
  const length = answer.headers['content-length'];
  const { patience, signal } = options;
  const found: Buffer[] = [];
  const limits = { from: url, total: length === undefined ? undefined : Number(length), most: MOST_BYTES };
  for await (const piece of pieces(answer, { ...limits, patience, signal })) found.push(piece);
  return Buffer.concat(found).toString('utf8');
}
