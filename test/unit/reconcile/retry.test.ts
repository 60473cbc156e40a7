// What failed and may go away by itself: when it is tried again, and by whom.
import { expect, it } from 'vitest';
import { digest } from '../../../src/reconcile/digest.ts';
import { retryIn } from '../../../src/reconcile/retry.ts';
import { driverSource, gentooKernel, inShort, machine, planHost } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';
import { A } from './host-rows.ts';

const MINUTE = 60_000;

/** A machine on which there is no room for a build. */
function full(): MemoryHost {
  return machine(
    { ...gentooKernel(A), ...driverSource('2.9.0') },
    {
      exec: (call, on) =>
        call.command === 'find'
          ? ''
          : call.line.startsWith('dkms build')
            ? { code: 10, stdout: 'cc1: fatal error: No space left on device\n' }
            : workingDkms(call, on),
    },
  );
}

const builds = async (host: MemoryHost, trigger: 'watch' | 'timer' | 'boot' | 'kernel-event' | 'cli') =>
  inShort(await planHost(host, { trigger })).some((step) => step.startsWith('build'));

it('is not tried again for what the failing run itself has written, and by everybody else', async () => {
  const host = full();
  await runReconcile(host, { trigger: 'watch' });
  expect(await builds(host, 'watch')).toBe(false);
  for (const trigger of ['timer', 'boot', 'kernel-event', 'cli'] as const) {
    expect(await builds(host, trigger), trigger).toBe(true);
  }
  host.clock.set(host.clock.now() - 24 * 60 * MINUTE);
  expect(await builds(host, 'watch'), 'with a clock that was set back').toBe(true);
});

it('is tried again by the daemon ever more rarely', async () => {
  const host = full();
  const distances: number[] = [];
  for (let count = 0; count < 7; count += 1) {
    const report = await runReconcile(host, { trigger: 'watch' });
    expect(report.outcome).toBe('failed');
    const again = digest(report.after, report).again ?? 0;
    distances.push(Math.round(again / MINUTE));
    host.clock.advance(again);
  }
  expect(distances).toEqual([5, 5, 10, 20, 40, 80, 160]);
  expect(await builds(host, 'watch')).toBe(true);
});

it('is tried at once where what it depended on has changed', async () => {
  const host = full();
  await runReconcile(host, { trigger: 'watch' });
  host.put(driverSource('2.9.0', { code: 'other' }));
  expect(await builds(host, 'watch')).toBe(true);
});

it('is tried at once where kernels have come or gone since', async () => {
  const host = full();
  await runReconcile(host, { trigger: 'watch' });
  host.clock.advance(10_000);
  host.put({ '/lib/modules': { folder: true, modified: host.clock.now() - 1000 } });
  expect(await builds(host, 'watch')).toBe(true);
  host.put({ '/lib/modules': { folder: true, modified: host.clock.now() + 24 * 60 * MINUTE } });
  expect(await builds(host, 'watch'), 'by a clock that was wrong').toBe(false);
});

it.each([
  { written: -1500, waits: true },
  { written: 0, waits: true },
  // File systems tell finer times than the clock: this is the millisecond in which the failing run has ended.
  { written: 0.9, waits: true },
  { written: 1, waits: false },
])(
  'waits for a while where kernels came or went $written ms after it failed: $waits',
  async ({ written, waits }) => {
    const host = full();
    const { after } = await runReconcile(host, { trigger: 'watch' });
    const failed = after.kernels.find(({ failure }) => failure !== undefined);
    if (failed?.failure === undefined) throw new Error('nothing failed');
    const { at } = failed.failure;
    const lastChange = at + written;
    const left = retryIn({ now: at + 1000 }, { ...failed, kernel: { ...failed.kernel, lastChange } });
    expect(left).toBe(waits ? 5 * MINUTE - 1000 : 0);
  },
);
