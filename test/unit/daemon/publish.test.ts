// What becomes known of health, and to whom.
import { expect, it, vi } from 'vitest';
import { createPublisher } from '../../../src/daemon/publish.ts';
import type { ServiceManager } from '../../../src/daemon/service-manager.ts';
import { memoryHost } from '../support/memory-host.ts';

const MANAGER: ServiceManager = {
  ready: async () => {},
  status() {},
  stopping() {},
  aliveEvery: undefined,
  alive() {},
  healthChanged() {},
};

it('listeners hear of a change once, with the time as the status has it', () => {
  const lines: string[] = [];
  const publisher = createPublisher(memoryHost().log, MANAGER, (line) => void lines.push(line));
  const digest = { health: 'ok', worst: '', worstOf: undefined, summary: 'ok', again: undefined, done: [] };
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  publisher.publish({ ...digest, health: 'ok' }, now, true);
  publisher.publish({ ...digest, health: 'ok' }, now + 1, true);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { type: 'health', at: '2026-01-02T03:04:05.000Z', health: 'ok', worst: '' },
  ]);
});

it('whoever follows the digests is given that of a job under way, too', () => {
  const mounts: (string | undefined)[] = [];
  const { log } = memoryHost();
  const publisher = createPublisher(
    log,
    MANAGER,
    () => {},
    ({ mount }) => void mounts.push(mount),
  );
  const digest = { worst: '', worstOf: undefined, summary: 'ok', again: undefined, done: [] };
  publisher.publish({ ...digest, health: 'ok', mount: '/dev/hugepages-1G' }, 1, false);
  publisher.publish({ ...digest, health: 'ok' }, 2, true);
  expect(mounts).toEqual(['/dev/hugepages-1G', undefined]);
});

type Health = 'ok' | 'degraded' | 'failed';
it.each<[string, readonly Health[], number]>([
  ['fails at once', ['failed'], 1],
  ['is well, which an earlier daemon may have left failed', ['ok'], 1],
  ['stays as it is', ['ok', 'ok', 'ok'], 1],
  ['changes', ['ok', 'degraded', 'failed', 'failed', 'ok'], 4],
])(
  'the unit that shows health is started whenever it may be another: a machine that %s',
  (_, course, times) => {
    const healthChanged = vi.fn();
    const publisher = createPublisher(memoryHost().log, { ...MANAGER, healthChanged }, () => {});
    const digest = { worst: '', worstOf: undefined, summary: '', again: undefined, done: [] };
    for (const [at, health] of course.entries()) publisher.publish({ ...digest, health }, at, true);
    expect(healthChanged).toHaveBeenCalledTimes(times);
  },
);
