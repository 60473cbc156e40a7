// Has the kernel make pages of 1 GiB, or give free ones back, and says what came of it.
import type { Host } from '../host/host.ts';
import { readCounters } from './observe.ts';

/** How often memory is compacted for pages that the kernel could not make. */
const TRIES = 3;

/** Milliseconds for what moves meanwhile to come to rest. */
const PAUSE = 200;

export interface Change {
  /** Pages that were there before and are there now. */
  readonly before: number;
  readonly after: number;
  readonly compactions: number;
}

/**
 * Raises the number of pages of a node; a number that is there already is left.
 * @param folder the node's counters
 * @throws what the kernel says of a write that it refuses
 */
export async function raisePages(host: Host, folder: string, wanted: number): Promise<Change> {
  const { fs, clock } = host;
  const before = readCounters(fs, folder).allocated;
  let compactions = 0;
  for (let now = before; now < wanted; ) {
    fs.writeInPlace(`${folder}/nr_hugepages`, `${wanted}\n`);
    now = readCounters(fs, folder).allocated;
    if (now >= wanted || compactions === TRIES) break;
    compactions += 1;
    compactMemory(host, folder);
    await clock.sleep(PAUSE);
  }
  return { before, after: readCounters(fs, folder).allocated, compactions };
}

/**
 * Gives pages back that nobody uses.
 * @param count how many at most
 * @param reserved free pages that are promised to somebody
 */
export function givePagesBack({ fs }: Host, folder: string, count: number, reserved: number): Change {
  // Who uses pages may have begun since they were counted; and of fewer, the kernel takes none that are in use.
  const { allocated: before, free } = readCounters(fs, folder);
  const spare = Math.min(count, Math.max(0, free - reserved));
  if (spare > 0) fs.writeInPlace(`${folder}/nr_hugepages`, `${before - spare}\n`);
  return { before, after: readCounters(fs, folder).allocated, compactions: 0 };
}

/** Moves what is in use together, on the node alone where it can be told so. Not every kernel can. */
function compactMemory({ fs }: Host, folder: string): void {
  const ofNode = folder.replace(/\/hugepages\/[^/]+$/, '/compact');
  const path = ofNode.endsWith('/compact') && fs.exists(ofNode) ? ofNode : '/proc/sys/vm/compact_memory';
  if (fs.exists(path)) fs.writeInPlace(path, '1\n');
}
