import { expect, test } from 'vitest';
import { createWorker } from '../../../src/daemon/worker.ts';
import type { QueryResult } from '../../../src/host/exec.ts';
import type { Digest } from '../../../src/reconcile/digest.ts';

const DEGRADED: Digest = {
  health: 'degraded',
  worst: 'the driver is not built for it yet',
  worstOf: '6.12.60',
  summary: 'degraded: 1 of 2 kernels have the driver',
  again: undefined,
  done: [],
};

test.each([
  ['is made known', false],
  ['is not, where the run was ended with the daemon', true],
])('health after a run %s', async (_, ended) => {
  const published: string[] = [];
  const silent = (): void => {};
  let end: (result: QueryResult) => void = silent;
  const worker = createWorker({
    host: {
      clock: { now: () => 0, sleep: async () => {} },
      log: { debug: silent, info: silent, warn: silent, error: silent },
    },
    publisher: { at: 0, publish: ({ health }) => void published.push(health) },
    timing: () => ({ settle: 3000, resync: 60_000 }),
    listen: async () => {},
    startCommand() {
      const result = new Promise<QueryResult>((resolve) => {
        end = resolve;
      });
      return { ended: result, stop: silent };
    },
  });
  const finish = (): void => end({ code: 0, stdout: JSON.stringify(DEGRADED), stderr: '' });
  worker.hear({ type: 'time' });
  await new Promise(setImmediate);
  const over = ended ? worker.end() : undefined;
  finish();
  await new Promise(setImmediate);
  await (over ?? worker.end());
  expect(published).toEqual(ended ? [] : ['degraded']);
});
