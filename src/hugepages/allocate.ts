// Has the kernel make pages of 1 GiB, or give free ones back, and says what came of it.
import type { Host } from '../host/host.ts';
import { readCounters } from './observe.ts';

/** How often memory is compacted for pages that the kernel could not make. */
const TRIES = 3;

/** Milliseconds for what moves meanwhile to come to rest. */
const PAUSE = 200;

export interface Change {
  readonly after: number;
  /** Pages that our own writes brought: what others did meanwhile is theirs. */
  readonly gained: number;
  readonly compactions: number;
  /** What ended the tries before their number was up; undefined where nothing did. */
  readonly obstacle: string | undefined;
}

/**
 * Raises the number of pages of a node; a number that is there already is left.
 * @param folder the node's counters
 * @throws what the kernel says of the first write, where it refuses it; later ones have pages to tell of
 */
export async function raisePages(host: Host, folder: string, wanted: number): Promise<Change> {
  const count = (): number => readCounters(host.fs, folder).allocated;
  let change: Change = { after: count(), gained: 0, compactions: 0, obstacle: undefined };
  for (;;) {
    // Others may have raised it since: a smaller number would take their pages away.
    const now = count();
    const gained = Math.max(0, change.gained - Math.max(0, change.after - now));
    change = { ...change, after: now, gained };
    if (now >= wanted) return change;
    const refused = attempt(() => host.fs.writeInPlace(`${folder}/nr_hugepages`, `${wanted}\n`));
    if (refused !== undefined && change.compactions === 0) throw refused;
    const after = count();
    change = { ...change, after, gained: gained + Math.max(0, after - now), obstacle: refused?.message };
    if (refused !== undefined || after >= wanted || change.compactions === TRIES) return change;
    const stuck = attempt(() => compactMemory(host, folder));
    if (stuck !== undefined) return { ...change, obstacle: stuck.message };
    change = { ...change, compactions: change.compactions + 1 };
    await host.clock.sleep(PAUSE);
  }
}

function attempt(write: () => void): Error | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/**
 * Gives pages back that nobody uses.
 * @param count how many at most
 * @param reserved free pages that are promised to somebody
 */
export function givePagesBack(
  { fs }: Host,
  folder: string,
  count: number,
  reserved: number,
): { readonly given: number; readonly after: number } {
  // Who uses pages may have begun since they were counted; and of fewer, the kernel takes none that are in use.
  const { allocated: before, free } = readCounters(fs, folder);
  const spare = Math.min(count, Math.max(0, free - reserved));
  if (spare > 0) fs.writeInPlace(`${folder}/nr_hugepages`, `${before - spare}\n`);
  const after = readCounters(fs, folder).allocated;
  return { given: Math.max(0, before - after), after };
}

/** Moves what is in use together, on the node alone where it can be told so. Not every kernel can. */
function compactMemory({ fs }: Host, folder: string): void {
  const ofNode = folder.replace(/\/hugepages\/[^/]+$/, '/compact');
  const path = ofNode.endsWith('/compact') && fs.exists(ofNode) ? ofNode : '/proc/sys/vm/compact_memory';
  if (fs.exists(path)) fs.writeInPlace(path, '1\n');
}
