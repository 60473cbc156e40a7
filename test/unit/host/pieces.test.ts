// A stream's pieces: how long they are waited for, and when they are not all.
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { pieces } from '../../../src/host/pieces.ts';

const OPTIONS = { from: '/there', total: undefined, most: 100, patience: 100 };

function streamOf(...texts: readonly string[]): PassThrough {
  const stream = new PassThrough();
  for (const text of texts) stream.write(text);
  stream.end();
  return stream;
}

async function collect(stream: PassThrough, options: Partial<Parameters<typeof pieces>[1]> = {}, ms = 0) {
  let text = '';
  for await (const piece of pieces(stream, { ...OPTIONS, ...options })) {
    text += piece.toString();
    if (ms > 0) await sleep(ms);
  }
  return text;
}

it('are all that it has, and nothing waits on behind them', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  const before = timers();
  const stream = streamOf('a', 'b');
  expect(await collect(stream, { total: 2, patience: 60_000 })).toBe('ab');
  expect(timers()).toBe(before);
  expect(stream.destroyed).toBe(true);
});

it('are waited for one by one, not for as long as somebody works on one', async () => {
  expect(await collect(streamOf('a', 'b', 'c'), { total: 3 }, 150)).toBe('abc');
});

it('are not whole where there are fewer than were told', async () => {
  await expect(collect(streamOf('a'), { total: 2 })).rejects.toThrow('it ended after 1 of 2 bytes');
});

it('close the stream where somebody has enough', async () => {
  const stream = streamOf('a', 'b');
  for await (const _ of pieces(stream, OPTIONS)) break;
  expect(stream.destroyed).toBe(true);
});
