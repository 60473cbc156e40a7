// Those who follow what happens, and those for whom there is no room.
import { expect, it, vi } from 'vitest';
import { createListeners } from '../../../src/daemon/listeners.ts';
import type { Host } from '../../../src/host/host.ts';
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

it('events that cannot be read end nothing: it is said once, and tried again', async () => {
  const host = memoryHost({ files: { '/run/ttkmd/events.jsonl': '' } });
  let looks = 0;
  const broken: Host['fs'] = {
    ...host.fs,
    stat(path) {
      looks += 1;
      if (looks > 5 || !path.endsWith('events.jsonl')) return host.fs.stat(path);
      throw Object.assign(new Error('EIO: i/o error, stat'), { code: 'EIO' });
    },
  };
  const listeners = createListeners({
    ...host,
    fs: broken,
    clock: { ...host.clock, sleep: () => new Promise((resolve) => setTimeout(resolve, 1)) },
  });
  const heard: string[] = [];
  const one = stream(heard);
  listeners.add(one);
  await vi.waitFor(() => expect(looks).toBeGreaterThan(6));
  expect(host.log.entries).toMatchObject([{ level: 'warn', message: expect.stringMatching(/EIO/) }]);
  host.put({
    '/run/ttkmd/events.jsonl': `{"type":"run-started","at":${Date.UTC(2026, 0, 2)}}\n{"at":"?"}\n`,
  });
  // Times are told as everywhere in the interface.
  await vi.waitFor(() =>
    expect(heard).toEqual(['{"type":"run-started","at":"2026-01-02T00:00:00.000Z"}', '{"at":"?"}']),
  );
  one.close();
});

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
