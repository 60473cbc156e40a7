// What was done when, by whom, how long it took and how it ended.
import type { HostFs } from '../host/fs.ts';
import { STATE_FOLDER, type Trigger } from './state.ts';

export const HISTORY_PATH = `${STATE_FOLDER}/history.jsonl`;

/** Enough for years of kernels; the file stays below a megabyte. */
const MOST_ENTRIES = 1000;

export interface HistoryEntry {
  /** When it began, in milliseconds since 1970. */
  readonly at: number;
  readonly trigger: Trigger;
  /** The kind of step, e.g. `build`. */
  readonly step: string;
  readonly release: string | undefined;
  readonly version: string | undefined;
  readonly outcome: 'done' | 'failed' | 'cancelled';
  readonly seconds: number;
  /** One line: what came of it. */
  readonly detail: string;
  readonly log: string | undefined;
}

/** The entries, oldest first. Lines that are no entries are passed over. */
export function readHistory(fs: HostFs): HistoryEntry[] {
  const text = fs.readText(HISTORY_PATH) ?? '';
  return text.split('\n').flatMap((line) => {
    if (line === '') return [];
    try {
      const entry: unknown = JSON.parse(line);
      return isEntry(entry) ? [entry] : [];
    } catch {
      return [];
    }
  });
}

function isEntry(value: unknown): value is HistoryEntry {
  const entry = value as Partial<HistoryEntry> | null;
  const texts = [entry?.trigger, entry?.step, entry?.outcome, entry?.detail];
  const isTime = typeof entry?.at === 'number' && !Number.isNaN(new Date(entry.at).getTime());
  return isTime && typeof entry.seconds === 'number' && texts.every((text) => typeof text === 'string');
}

/** The entry as programs get it: with its time as everywhere in the interface. */
export function publicEntry(entry: HistoryEntry): object {
  return { ...entry, at: new Date(entry.at).toISOString() };
}

/** Adds one entry, in one step, and drops the oldest ones. */
export function recordHistory(fs: HostFs, entry: HistoryEntry): void {
  const kept = [...readHistory(fs), entry].slice(-MOST_ENTRIES);
  fs.write(HISTORY_PATH, kept.map((one) => `${JSON.stringify(one)}\n`).join(''));
}
