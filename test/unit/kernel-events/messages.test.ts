// What a hook says, and when it may keep silent.
import { describe, expect, it } from 'vitest';
import { describeArrival } from '../../../src/kernel-events/messages.ts';
import type { Report } from '../../../src/reconcile/reconcile.ts';
import { current, driverSource, gentooKernel, judgeHost, machine } from '../support/machines.ts';

const R = '6.12.58-gentoo-dist';

async function nothingDone(host: Parameters<typeof judgeHost>[0]): Promise<Report> {
  const judgement = await judgeHost(host);
  return {
    before: judgement,
    after: judgement,
    steps: [],
    done: [],
    outcome: 'nothing-to-do',
    unwritten: [],
  };
}

const FIRST = { again: false, isLate: false };
const SECOND = { ...FIRST, again: true };

const BUILDABLE = { ...gentooKernel(R), ...driverSource('2.9.0') };

describe('a hook that follows another one of the same installation', () => {
  it('is quiet where the kernel has its driver', async () => {
    const report = await nothingDone(machine({ ...current(R, '2.9.0'), ...driverSource('2.9.0') }));
    expect(describeArrival(R, report, SECOND)).toBeUndefined();
    expect(describeArrival(R, report, FIRST)).toMatchObject({ tone: 'good', quiet: true });
  });

  it.each([
    ['missing', BUILDABLE, /FAILED: .*not built for it yet/],
    [
      'waiting for its headers',
      { ...gentooKernel(R), [`/lib/modules/${R}/build`]: { link: '/nowhere' }, ...driverSource('2.9.0') },
      /no driver for .* yet/,
    ],
  ])('says again that the module is %s', async (_, files, said) => {
    const message = describeArrival(R, await nothingDone(machine(files)), SECOND);
    expect(message?.text).toMatch(said);
    expect(message?.tone).toBe('bad');
    expect(message?.quiet).toBeUndefined();
  });
});

describe('a hook that was cut off before it built', () => {
  it.each([
    ['by its time limit', true, /FAILED: the time limit was up/, /^raise hook\.time_limit /],
    ['by somebody', false, /FAILED: stopped before it was done/, /^ttkmdctl reconcile /],
  ])('says so: %s', async (_, isLate, said, hint) => {
    const report = { ...(await nothingDone(machine(BUILDABLE))), outcome: 'cancelled' as const };
    const message = describeArrival(R, report, { ...FIRST, isLate });
    expect(message?.text).toMatch(said);
    expect(message?.hint).toMatch(hint);
    expect(message?.hint).toContain(`ttkmdctl reconcile --kernel ${R}`);
  });
});
