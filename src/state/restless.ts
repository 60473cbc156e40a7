// Which kernels wait because somebody writes to what they would be built from, and since when. The daemon's memory, in
// a file that status reads too: it goes with the daemon, so that nothing old is taken for a wait that still lasts.
import type { HostFs } from '../host/fs.ts';

export const RESTLESS_FILE = '/run/ttkmd/restless.json';

export interface Restlessness {
  /** When it was first seen, in milliseconds since 1970. */
  readonly since: number;
  /** The folder that is written to. */
  readonly path: string;
  /** Whether the build tree is ready, so that nothing but rest is lacking. */
  readonly ready: boolean;
}

/** What is remembered, by release. What cannot be read as such is as good as none. */
export function loadRestless(fs: HostFs): ReadonlyMap<string, Restlessness> {
  const text = fs.readText(RESTLESS_FILE);
  if (text === undefined) return new Map();
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(entries.flatMap(([release, one]) => (isRestlessness(one) ? [[release, one]] : [])));
  } catch {
    return new Map();
  }
}

export function saveRestless(fs: HostFs, restless: ReadonlyMap<string, Restlessness>): void {
  const text = `${JSON.stringify(Object.fromEntries(restless))}\n`;
  if (restless.size === 0) fs.remove(RESTLESS_FILE);
  else if (text !== fs.readText(RESTLESS_FILE)) fs.write(RESTLESS_FILE, text);
}

function isRestlessness(value: unknown): value is Restlessness {
  const one = value as Partial<Restlessness> | null;
  const isTime = typeof one?.since === 'number' && !Number.isNaN(new Date(one.since).getTime());
  return isTime && typeof one.path === 'string' && typeof one.ready === 'boolean';
}
