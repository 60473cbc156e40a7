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
  return { pid: 1, ended: Promise.resolve({ code: 0, stdout, stderr }), stop() {} };
}

interface Scene {
  readonly host: MemoryHost;
  readonly worker: Worker;
  /** The command lines of the children, one after another. */
  readonly started: string[];
  /** The health that was made known, one after another. */
  readonly published: string[];
  /** The children that were given up, one after another, and undefined where one has ended after all. */
  readonly stuck: (number | undefined)[];
}

function scene(
  child: (args: readonly string[]) => OwnCommand = () => ends(JSON.stringify(DIGEST)),
  listen = async () => {},
): Scene {
  const host = memoryHost();
  const started: string[] = [];
  const published: string[] = [];
  const stuck: (number | undefined)[] = [];
  const worker = createWorker({
    host,
    listen,
    publisher: { at: 1, publish: ({ health }) => void published.push(health) },
    timing: () => ({ settle: 3000, resync: 6 * HOUR }),
    mostQuiet: () => 30 * MINUTE,
    onStuck: (command) => void stuck.push(command?.pid),
    startCommand(args) {
      started.push(args.join(' '));
      return child(args);
    },
  });
  return { host, worker, started, published, stuck };
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

it('a look that a job has overtaken is done again: what it saw may be of before that job', async () => {
  const end = new Map<string, (health: Digest['health']) => void>();
  const { worker, published, started } = scene(([name = '']) => {
    const { promise, resolve } = Promise.withResolvers<Awaited<OwnCommand['ended']>>();
    end.set(name, (health) =>
      resolve({ code: 0, stdout: JSON.stringify({ ...DIGEST, health }), stderr: '' }),
    );
    return { pid: 1, ended: promise, stop() {} };
  });
  worker.hear({ type: 'time' });
  await vi.advanceTimersByTimeAsync(0);
  const looked = worker.refresh();
  await vi.advanceTimersByTimeAsync(0);
  end.get('reconcile')?.('ok');
  await vi.advanceTimersByTimeAsync(0);
  end.get('status')?.('degraded');
  await vi.advanceTimersByTimeAsync(0);
  end.get('status')?.('ok');
  await looked;
  expect(published).toEqual(['ok', 'ok']);
  expect(started.filter((line) => line.startsWith('status'))).toHaveLength(2);
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
      pid: 1,
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

describe('a child that does not end', () => {
  /** One that ends when the test says so, and what it was told. */
  function hanging(): { command: OwnCommand; stops: number[]; end(): void } {
    const stops: number[] = [];
    let end = (): void => {};
    const ended: OwnCommand['ended'] = new Promise((resolve) => {
      end = () => resolve({ code: 137, stdout: '', stderr: '' });
    });
    return {
      command: { pid: 4711, ended, stop: () => void stops.push(Date.now()) },
      stops,
      end: () => end(),
    };
  }

  it('is ended after the time that a build may take, and is not waited for where that does not help', async () => {
    const child = hanging();
    const { host, worker, started, stuck, published } = scene(([verb]) =>
      verb === 'status' ? ends(JSON.stringify({ ...DIGEST, health: 'degraded' })) : child.command,
    );
    worker.hear({ type: 'time' });
    await pass(host, 30 * MINUTE);
    expect(child.stops).toHaveLength(0);
    await pass(host, 3 * MINUTE);
    expect(child.stops).toHaveLength(1);
    expect(stuck).toEqual([4711]);
    expect(published).toEqual(['degraded']);
    expect(host.log.entries).toMatchObject([
      {
        level: 'error',
        message: expect.stringMatching(/^ttkmdctl reconcile \(pid 4711\) .*hangs in the kernel/),
      },
    ]);
    // Nothing is done beside it: but whoever asks is answered.
    worker.hear({ type: 'changed' });
    await pass(host, 7 * HOUR);
    expect(worker.request({ kind: 'reconcile', trigger: 'cli', release: undefined, force: false })).toBe(
      'stuck',
    );
    expect(started.filter((line) => line.startsWith('reconcile'))).toEqual([WATCH]);
    child.end();
    await pass(host, 1000);
    expect(stuck).toEqual([4711, undefined]);
    expect(started.filter((line) => line.startsWith('reconcile'))).toEqual([WATCH, WATCH]);
  });

  it('is left alone as long as it shows signs of life', async () => {
    const child = hanging();
    const { host, worker } = scene(() => child.command);
    worker.hear({ type: 'time' });
    for (let n = 0; n < 10; n += 1) {
      host.fs.append('/run/ttkmd/events.jsonl', '{}\n');
      await pass(host, 20 * MINUTE);
    }
    expect(child.stops).toHaveLength(0);
  });

  it('is not waited for when the daemon is to end', async () => {
    const child = hanging();
    const { host, worker } = scene(() => child.command);
    worker.hear({ type: 'time' });
    await pass(host, 1000);
    let over = false;
    void worker.end().then(() => {
      over = true;
    });
    await pass(host, 20_000);
    expect(over).toBe(false);
    await pass(host, 10_000);
    expect(over).toBe(true);
  });

  it('keeps nobody who asks for the status waiting, nor is a second one started beside it', async () => {
    const child = hanging();
    const { host, worker, started } = scene(() => child.command);
    const answers: string[] = [];
    void worker.refresh().then(() => answers.push('first'));
    await pass(host, 3 * MINUTE);
    expect(answers).toEqual(['first']);
    void worker.refresh().then(() => answers.push('second'));
    await pass(host, 1);
    expect(answers).toEqual(['first', 'second']);
    expect(started).toHaveLength(1);
    child.end();
    await pass(host, 1);
    void worker.refresh();
    await pass(host, 1);
    expect(started).toHaveLength(2);
  });
});
