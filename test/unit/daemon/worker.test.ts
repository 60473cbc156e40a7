// The daemon's worker and its pulse, with children that end at once and a clock that the test sets.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startPulse } from '../../../src/daemon/pulse.ts';
import type { ServiceManager } from '../../../src/daemon/service-manager.ts';
import { createWorker, type Worker } from '../../../src/daemon/worker.ts';
import type { OwnCommand } from '../../../src/host/own-command.ts';
import type { Digest } from '../../../src/reconcile/digest.ts';
import { type MemoryHost, memoryHost } from '../support/memory-host.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const DIGEST: Digest = {
  health: 'ok',
  worst: '',
  worstOf: undefined,
  summary: 'ok: 1 of 1 kernel has the current driver',
  again: undefined,
  done: [],
};

function ends(stdout: string, stderr = ''): OwnCommand {
  return { ended: Promise.resolve({ code: 0, stdout, stderr }), stop() {} };
}

interface Scene {
  readonly host: MemoryHost;
  readonly worker: Worker;
  /** The command lines of the children, one after another. */
  readonly started: string[];
  /** The health that was made known, one after another. */
  readonly published: string[];
}

function scene(child: () => OwnCommand = () => ends(JSON.stringify(DIGEST)), listen = async () => {}): Scene {
  const host = memoryHost();
  const started: string[] = [];
  const published: string[] = [];
  const worker = createWorker({
    host,
    listen,
    publisher: { at: 1, publish: ({ health }) => void published.push(health) },
    timing: () => ({ settle: 3000, resync: 6 * HOUR }),
    startCommand(args) {
      started.push(args.join(' '));
      return child();
    },
  });
  return { host, worker, started, published };
}

const WATCH = 'reconcile --publish --trigger=watch';
const TIMER = 'reconcile --publish --trigger=timer';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Time goes by for the clock and for timers. */
async function pass(host: MemoryHost, ms: number): Promise<void> {
  host.clock.advance(ms);
  await vi.advanceTimersByTimeAsync(ms);
}

describe('the pulse', () => {
  const manager = (alive: () => void): ServiceManager => ({
    ready: async () => {},
    status() {},
    stopping() {},
    aliveEvery: 5 * MINUTE,
    alive,
    healthChanged() {},
  });

  it('goes on after a machine has slept, whose timers stood still: what was due meanwhile is done', async () => {
    const { host, worker, started } = scene();
    const alive = vi.fn();
    const pulse = startPulse({ manager: manager(alive), worker, answers: async () => true });
    worker.hear({ type: 'time' });
    await pass(host, 10 * MINUTE);
    expect(alive).toHaveBeenCalledTimes(2);
    host.clock.advance(9 * HOUR);
    await pass(host, 5 * MINUTE);
    expect(alive).toHaveBeenCalledTimes(3);
    expect(started).toEqual([WATCH, TIMER]);
    clearInterval(pulse);
  });

  it('stops where the daemon does not answer', async () => {
    const { host, worker } = scene();
    const alive = vi.fn();
    const pulse = startPulse({ manager: manager(alive), worker, answers: async () => false });
    await pass(host, 10 * MINUTE);
    expect(alive).not.toHaveBeenCalled();
    clearInterval(pulse);
  });
});

describe('a job that cannot be begun', () => {
  const noProcess = (): OwnCommand => {
    throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
  };
  const noDescriptor = async (): Promise<void> => {
    throw Object.assign(new Error('EMFILE: too many open files, scandir'), { code: 'EMFILE' });
  };

  it.each<[string, RegExp, () => Scene, string[]]>([
    ['for want of memory', /spawn ENOMEM/, () => scene(noProcess), [WATCH, WATCH]],
    ['for want of descriptors', /EMFILE/, () => scene(undefined, noDescriptor), []],
  ])('%s ends nothing: it is said, and tried again', async (_, why, build, expected) => {
    const { host, worker, started } = build();
    worker.hear({ type: 'time' });
    await pass(host, 1000);
    expect(worker.idle).toBe(true);
    expect(host.log.entries).toMatchObject([{ level: 'error', message: expect.stringMatching(why) }]);
    await pass(host, MINUTE);
    expect(host.log.entries).toHaveLength(2);
    expect(started).toEqual(expected);
  });
});

it('what a child complains of is in the log, though its work is done', async () => {
  const { host, worker } = scene(() => ends(JSON.stringify(DIGEST), 'the status could not be written\n'));
  worker.hear({ type: 'time' });
  await pass(host, 1000);
  expect(host.log.entries).toMatchObject([{ level: 'warn', message: 'the status could not be written' }]);
});

describe('health after a run', () => {
  it.each([
    ['is made known', false],
    ['is not, where the run was ended with the daemon: nobody is to be alarmed by that', true],
  ])('%s', async (_, isOver) => {
    let finish = (): void => {};
    const child: OwnCommand = {
      ended: new Promise((resolve) => {
        finish = () => resolve({ code: 0, stdout: JSON.stringify(DIGEST), stderr: '' });
      }),
      stop() {},
    };
    const { host, worker, published } = scene(() => child);
    worker.hear({ type: 'time' });
    await pass(host, 1000);
    const over = isOver ? worker.end() : undefined;
    finish();
    await pass(host, 1000);
    await (over ?? worker.end());
    expect(published).toEqual(isOver ? [] : ['ok']);
  });
});
