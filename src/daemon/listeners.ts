// Those who follow what happens: the events of every run, whoever started it, are in one file, and are read while
// somebody listens.
import type { HostFs } from '../host/fs.ts';
import type { Clock } from '../host/host.ts';
import type { LineStream } from '../host/serve.ts';
import { followEvents } from '../state/run.ts';

export interface Listeners {
  add(stream: LineStream): void;
  tell(line: string): void;
}

/** More than this many get a refusal in words and nothing else. */
const MOST_LISTENERS = 32;

export function createListeners(host: { readonly fs: HostFs; readonly clock: Clock }): Listeners {
  const streams = new Set<LineStream>();
  let following: AbortController | undefined;
  const tell = (line: string): void => {
    for (const stream of streams) stream.send(line);
  };
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
        void followEvents(host, (event) => tell(JSON.stringify(event)), following.signal);
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
