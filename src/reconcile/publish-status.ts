// The status for everybody who only reads files.
import type { Host } from '../host/host.ts';
import { runUnderWay } from '../state/run.ts';
import { createUnwritten, type UnwrittenRecord } from '../state/unwritten.ts';
import type { Judgement } from './judgement.ts';
import { cardsOf } from './look.ts';
import { statusDocument } from './status-document.ts';

export const STATUS_FILE = '/run/ttkmd/status.json';

/** Where the daemon tells the same to everybody who asks. */
export const STATUS_SOCKET = '/run/ttkmd/status.sock';

/**
 * Writes the status document where every user may read it.
 * @returns what kept it from being written, where something did
 */
export function publishStatus(host: Host, judgement: Judgement): UnwrittenRecord | undefined {
  const { fs } = host;
  const unwritten = createUnwritten();
  const document = statusDocument(judgement, runUnderWay(fs), cardsOf(host, judgement));
  const text = `${JSON.stringify(document, undefined, 2)}\n`;
  unwritten.attempt('status', STATUS_FILE, () => fs.write(STATUS_FILE, text));
  return unwritten.found[0];
}
