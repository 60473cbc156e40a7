// How steps are called, and what is given as the reason to build.
import { describe, expect, it } from 'vitest';
import { describeStep, type Step } from '../../../src/reconcile/step.ts';
import { EMPTY_STATE, saveState } from '../../../src/state/state.ts';
import { dkmsRecord, driverSource, gentooKernel, judgeHost, machine, planHost } from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';

describe('a step in words', () => {
  it.each<[Step, string]>([
    [{ kind: 'wait', release: A, why: 'not configured yet' }, `${A} waits: not configured yet`],
    [{ kind: 'wait', release: undefined, why: 'x' }, 'the rest waits: x'],
    [
      { kind: 'unregister', version: '2.8.0' },
      'take tenstorrent 2.8.0 out of dkms: no kernel will use it any more',
    ],
    [
      { kind: 'removeSource', version: '2.7.0', path: '/usr/src/tenstorrent-2.7.0' },
      'remove /usr/src/tenstorrent-2.7.0: as many older driver sources as driver.keep_old says are there without it',
    ],
    [
      { kind: 'build', version: '2.9.0', release: A, why: 'asked for' },
      `build tenstorrent 2.9.0 for ${A}: asked for`,
    ],
  ])('%j', (step, text) => {
    expect(describeStep(step)).toBe(text);
  });
});

it('what was in the way is not given as the reason to try again', async () => {
  const host = machine({ ...gentooKernel(A), ...driverSource('2.9.0'), ...dkmsRecord('2.9.0') });
  const { driver, observation } = await judgeHost(host);
  saveState(host.fs, {
    ...EMPTY_STATE,
    failures: {
      [A]: {
        version: '2.9.0',
        sourceHash: driver.source?.hash ?? '',
        abiIdentity: undefined,
        abiHash: undefined,
        at: 0,
        trigger: 'timer',
        tools: observation.tools.get(A) ?? '',
        code: 'no-space',
        headline: 'no space left on the device',
        cause: undefined,
        hint: 'make room',
        transient: true,
        unsupported: false,
        log: undefined,
      },
    },
  });
  const build = (await planHost(host)).find(({ kind }) => kind === 'build');
  expect(build).toMatchObject({ why: 'another try, since it failed before' });
});
