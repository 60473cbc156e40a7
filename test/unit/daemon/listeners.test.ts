// Those who follow what happens, and those for whom there is no room.
import { expect, it } from 'vitest';
import { createListeners } from '../../../src/daemon/listeners.ts';
import type { LineStream } from '../../../src/host/serve.ts';
import { memoryHost } from '../support/memory-host.ts';

/** A stream that writes down what happens to it. */
function stream(log: string[]): LineStream & { close(): void } {
  const closing: (() => void)[] = [];
  return {
    send: (line) => void log.push(line),
    end: () => void log.push('end'),
    onClose: (listener) => void closing.push(listener),
    close: () => {
      for (const one of closing) one();
    },
  };
}

it('whoever comes when the house is full is told so and let go, to look for himself', () => {
  const host = memoryHost();
  const listeners = createListeners({
    ...host,
    clock: { ...host.clock, sleep: () => new Promise(() => {}) },
  });
  const logs = Array.from({ length: 33 }, (): string[] => []);
  const streams = logs.map(stream);
  for (const one of streams) listeners.add(one);
  listeners.tell('news');
  expect(logs.slice(0, 32)).toEqual(Array.from({ length: 32 }, () => ['news']));
  expect(logs[32]).toEqual([expect.stringMatching(/"refused".*32 listen already/), 'end']);
  streams[0]?.close();
  const late: string[] = [];
  listeners.add(stream(late));
  listeners.tell('more');
  expect(late).toEqual(['more']);
});
