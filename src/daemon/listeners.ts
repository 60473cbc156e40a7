// Those who follow what happens: the events of every run, whoever started it, are in one file, and are read while
// somebody listens.
import type { Host } from '../host/host.ts';
import type { LineStream } from '../host/serve.ts';
import { followEvents, type RunEvent } from '../state/run.ts';

export interface Listeners {
  add(stream: LineStream): void;
  tell(line: string): void;
}

/** More than this many get a refusal in words and nothing else. */
const MOST_LISTENERS = 32;

/** Milliseconds until events that could not be read are tried again. */
const RETRY = 5000;

/** The event with its time as everywhere in the interface; the file has milliseconds since 1970. */
function timed(event: RunEvent): object {
  const at = new Date(event.at);
  return Number.isNaN(at.getTime()) ? event : { ...event, at: at.toISOString() };
}

export function createListeners(host: Pick<Host, 'fs' | 'clock' | 'log'>): Listeners {
  const streams = new Set<LineStream>();
  let following: AbortController | undefined;
  const tell = (line: string): void => {
    for (const stream of streams) stream.send(line);
  };
  /** A file that cannot be read, as on a broken disk, may be readable in a moment: those who listen wait. */
  async function follow(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await followEvents(host, (event) => tell(JSON.stringify(timed(event))), signal);
      } catch (error) {
        if (failures === 0) host.log.warn(`events cannot be read: ${(error as Error).message}; trying again`);
        await host.clock.sleep(RETRY);
      }
    }
  }
  return {
    tell,
    add(stream) {
      if (streams.size >= MOST_LISTENERS) {
        stream.send(JSON.stringify({ type: 'refused', why: `${MOST_LISTENERS} listen already` }));
        return stream.end();
      }
      streams.add(stream);
      if (following === undefined) {
        following = new AbortController();
        void follow(following.signal);
      }
      stream.onClose(() => {
        streams.delete(stream);
        if (streams.size > 0) return;
        following?.abort();
        following = undefined;
      });
    },
  };
}
