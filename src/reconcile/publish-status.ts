// The status for everybody who only reads files.
import type { HostFs } from '../host/fs.ts';
import { type RunUnderWay, runUnderWay } from '../state/run.ts';
import type { Judgement } from './judgement.ts';
import { statusDocument } from './status-document.ts';

export const STATUS_FILE = '/run/ttkmd/status.json';

/**
 * Writes the status document where every user may read it.
 * @param run the run under way that the document tells of; looked for unless given
 * @throws what the file system says
 */
export function publishStatus(
  fs: HostFs,
  judgement: Judgement,
  run: RunUnderWay | undefined = runUnderWay(fs),
): void {
  fs.write(STATUS_FILE, `${JSON.stringify(statusDocument(judgement, run), undefined, 2)}\n`);
}
