// The run through the steps: what is written down before it is done, resuming, and taking back.
import { describe, expect, it } from 'vitest';
import { bootstrap, type Happening } from '../../../src/bootstrap/bootstrap.ts';
import { JOURNAL_PATH, readJournal } from '../../../src/bootstrap/journal.ts';
import type { BootstrapStep, Undo, Work } from '../../../src/bootstrap/step.ts';
import { describeUndo, takeBack, undoList } from '../../../src/bootstrap/undo.ts';
import { memoryHost } from '../support/memory-host.ts';
import { type BenchOptions, type MemoryBench, memoryBench } from './bench.ts';

/** A step that writes files, and is done when all are there. */
function writes(
  name: BootstrapStep['name'],
  paths: readonly string[],
  before: readonly Work[] = [],
): BootstrapStep {
  return {
    name,
    title: name,
    check: async ({ host }) => ({ done: paths.every((path) => host.fs.exists(path)), why: 'so it is' }),
    plan: async () => [...before, ...paths.map((path): Work => ({ kind: 'write', path, text: 'ours\n' }))],
  };
}

function go(
  bench: MemoryBench,
  steps: readonly BootstrapStep[],
  dryRun = false,
  signal = new AbortController().signal,
) {
  const happened: Happening[] = [];
  return bootstrap(bench, steps, { dryRun, signal, onHappening: (one) => happened.push(one) }).then(
    (report) => ({ ...report, error: undefined, happened }),
    (error: Error) => ({ outcome: undefined, steps: [], error, happened }),
  );
}

const FAILING: BenchOptions = {
  hands: {
    async run(_, onLine) {
      onLine('no such package');
      return { code: 7, signal: undefined, timedOut: false, cancelled: false };
    },
  },
};
const COMMAND: Work = {
  kind: 'run',
  argv: ['apt-get', 'install', 'x'],
  timeLimit: 1000,
  undo: () => [{ kind: 'packages', manager: 'apt', names: ['x'] }],
};

describe('a bootstrap', () => {
  it('does each step once and finds nothing to do the second time', async () => {
    const bench = await memoryBench();
    const steps = [writes('source', ['/a/b/one']), writes('sfpi', ['/two'])];
    expect(await go(bench, steps)).toMatchObject({ outcome: 'done', steps: ['source', 'sfpi'] });
    expect(await go(bench, steps)).toMatchObject({ outcome: 'nothing-to-do', steps: [] });
    expect(readJournal(bench.host.fs).steps.map(({ name, done }) => [name, done])).toEqual([
      ['source', true],
      ['sfpi', true],
    ]);
  });

  it('changes nothing in a dry run', async () => {
    const bench = await memoryBench({ files: { '/there': '' } });
    const before = bench.host.snapshot();
    const { outcome, happened } = await go(bench, [writes('source', ['/one'], [COMMAND])], true);
    expect(outcome).toBe('planned');
    expect(happened.flatMap((one) => (one.type === 'work' ? one.lines : []))).toEqual([
      'apt-get install x',
      'write /one:',
      '    ours',
    ]);
    expect(bench.host.snapshot()).toEqual(before);
    expect(bench.ran).toEqual([]);
  });

  it('has written down what a failing command may have done, says what it said, and goes on there', async () => {
    const bench = await memoryBench(FAILING);
    const steps = [
      writes('source', ['/one']),
      writes('packages', ['/two'], [COMMAND]),
      writes('sfpi', ['/three']),
    ];
    const { error } = await go(bench, steps);
    expect(error?.message).toBe('apt-get install x ended with 7, after these words:\n    no such package');
    expect(bench.host.fs.exists('/three')).toBe(false);
    expect(readJournal(bench.host.fs).steps).toMatchObject([
      { name: 'source', done: true },
      { name: 'packages', done: false, undo: [{ kind: 'packages', names: ['x'] }] },
    ]);
    const mended = { ...bench, hands: (await memoryBench()).hands };
    expect(await go(mended, steps)).toMatchObject({ outcome: 'done', steps: ['packages', 'sfpi'] });
  });

  it('names the command that is not there', async () => {
    const run = async () => ({ code: 127, signal: undefined, timedOut: false, cancelled: false });
    const { error } = await go(await memoryBench({ hands: { run } }), [
      writes('packages', ['/two'], [COMMAND]),
    ]);
    expect(error?.message).toBe('There is no command apt-get here.');
  });

  it('knows a step for done that was broken off when nothing was left to do', async () => {
    const bench = await memoryBench();
    const steps = [writes('source', ['/one', '/two'])];
    bench.host.put({ '/one': '', '/two': '' });
    const journal = { schema: 1, steps: [{ name: 'source', done: false, undo: [] }] };
    bench.host.put({ [JOURNAL_PATH]: JSON.stringify(journal) });
    expect(await go(bench, steps)).toMatchObject({ outcome: 'nothing-to-do' });
    expect(readJournal(bench.host.fs).steps).toMatchObject([{ name: 'source', done: true }]);
  });

  it('stops between two pieces of work when it is told to', async () => {
    const controller = new AbortController();
    const stop: Work = {
      kind: 'insist',
      text: 'stop',
      async wrong() {
        controller.abort();
        return undefined;
      },
    };
    const bench = await memoryBench();
    const { error } = await go(
      bench,
      [writes('source', ['/one'], [stop]), writes('sfpi', ['/two'])],
      false,
      controller.signal,
    );
    expect(error?.message).toBe('Interrupted.');
    expect(bench.host.fs.exists('/one')).toBe(false);
    expect(readJournal(bench.host.fs).steps).toMatchObject([{ name: 'source', done: false }]);
  });

  it('plans anew where more is known after the first work, and gives up where nothing is', async () => {
    const bench = await memoryBench();
    const step: BootstrapStep = {
      ...writes('source', ['/two']),
      plan: async ({ host }) => [{ kind: 'write', path: host.fs.exists('/one') ? '/two' : '/one', text: '' }],
    };
    expect(await go(bench, [step])).toMatchObject({ outcome: 'done' });
    const never: BootstrapStep = {
      ...writes('sfpi', ['/never']),
      plan: async () => [{ kind: 'write', path: '/x', text: '' }],
    };
    expect((await go(bench, [never])).error?.message).toContain(
      'All commands of the step sfpi ended well, and still',
    );
  });

  it('goes on where what is left can be borne, says so, and tries it again the next time', async () => {
    const bench = await memoryBench();
    const step: BootstrapStep = {
      ...writes('driver', []),
      check: async () => ({ done: false, why: 'one kernel cannot have it', bearable: true }),
      plan: async () => [{ kind: 'write', path: '/one', text: '' }],
    };
    const { outcome, happened } = await go(bench, [step, writes('service', ['/two'])]);
    expect(outcome).toBe('done');
    expect(happened).toContainEqual({ type: 'warning', text: 'one kernel cannot have it' });
    expect(await go(bench, [step])).toMatchObject({ outcome: 'done', steps: ['driver'] });
  });

  it('tolerates what a command of our own may end with, and says so', async () => {
    const hands = {
      ttkmdctl: async () => ({ code: 1, signal: undefined, timedOut: false, cancelled: false }),
    };
    const work: Work = { kind: 'ttkmdctl', args: ['reconcile'], tolerated: { 1: 'some lack it' } };
    const { outcome, happened } = await go(await memoryBench({ hands }), [
      writes('driver', ['/one'], [work]),
    ]);
    expect([outcome, happened.find(({ type }) => type === 'warning')]).toEqual([
      'done',
      { type: 'warning', text: 'some lack it' },
    ]);
  });

  it('leaves no folder that a later attempt made for what an earlier one had in mind', async () => {
    const bench = await memoryBench({ files: { '/a': 'in the way' } });
    const steps = [writes('source', ['/a/b/one'])];
    expect((await go(bench, steps)).error).toBeDefined();
    bench.host.fs.remove('/a');
    expect((await go(bench, steps)).outcome).toBe('done');
    for (const undo of undoList(readJournal(bench.host.fs), false)) {
      await takeBack({ ...bench, onLine() {} }, undo);
    }
    expect(bench.host.fs.exists('/a')).toBe(false);
  });

  it('does not begin under a journal that it cannot read', async () => {
    const bench = await memoryBench({ files: { [JOURNAL_PATH]: '{' } });
    expect((await go(bench, [writes('source', ['/one'])])).error?.message).toContain('is broken');
    expect(bench.host.fs.exists('/one')).toBe(false);
  });
});

describe('taking back', () => {
  it('leaves the file system as it was', async () => {
    const bench = await memoryBench({ files: { '/etc/theirs': 'x' } });
    const before = bench.host.snapshot();
    const links = {
      ...writes('sfpi', []),
      check: async () => ({ done: bench.host.fs.lstat('/usr/local/bin/l') !== undefined, why: '' }),
      plan: async (): Promise<Work[]> => [{ kind: 'link', target: '/a/b/one', path: '/usr/local/bin/l' }],
    };
    await go(bench, [writes('source', ['/a/b/one', '/a/two']), links]);
    for (const undo of undoList(readJournal(bench.host.fs), false))
      await takeBack({ host: bench.host, hands: bench.hands, onLine() {} }, undo);
    bench.host.fs.removeTree('/var');
    expect(bench.host.snapshot()).toEqual(before);
  });

  it('keeps what was changed since, and folders that others use', async () => {
    const bench = await memoryBench();
    await go(bench, [writes('source', ['/a/one'])]);
    bench.host.put({ '/a/one': 'theirs' });
    const reports = [];
    for (const undo of undoList(readJournal(bench.host.fs), false))
      reports.push(await takeBack({ host: bench.host, hands: bench.hands, onLine() {} }, undo));
    expect(reports).toEqual([
      { kind: 'keep', text: '/a/one: changed since it was written' },
      { kind: 'keep', text: '/a: something of others is in it' },
    ]);
  });

  const driver: Undo = { kind: 'driver', version: '2.10.0' };
  const packages: Undo = { kind: 'packages', manager: 'apt', names: ['dkms'] };
  const tree: Undo = { kind: 'tree', path: '/usr/src/tenstorrent-2.10.0' };
  const key: Undo = { kind: 'dkms-tree', path: '/var/lib/dkms' };
  const tools: Undo = { kind: 'tree', path: '/opt/ttkmd' };
  const own: Undo = { kind: 'tree', path: '/usr/lib/ttkmd' };
  const steps = [
    { name: 'program', done: true, undo: [own] },
    { name: 'packages', done: true, undo: [packages, key] },
    { name: 'source', done: true, undo: [tree] },
    { name: 'driver', done: true, undo: [driver] },
    { name: 'tt-smi', done: false, undo: [tools] },
  ] as const;

  it('takes the driver off while dkms is there, packages last, and leaves the program to its own removal', () => {
    expect(undoList({ schema: 1, steps }, false)).toEqual([driver, tools, tree, packages, key]);
    expect(undoList({ schema: 1, steps }, true)).toEqual([tools]);
  });

  it.each<[string, Record<string, string>, string[]]>([
    [
      'unloads it where nobody uses it',
      { '/sys/module/tenstorrent/refcnt': '0' },
      ['modprobe -r tenstorrent', 'dkms remove -m tenstorrent -v 2.10.0 --all'],
    ],
    [
      'leaves it loaded where somebody does',
      { '/sys/module/tenstorrent/refcnt': '1' },
      ['dkms remove -m tenstorrent -v 2.10.0 --all'],
    ],
  ])('of the driver %s', async (_, files, expected) => {
    const bench = await memoryBench({
      files: { ...files, '/var/lib/dkms/tenstorrent/2.10.0/source/dkms.conf': '' },
    });
    await takeBack({ host: bench.host, hands: bench.hands, onLine() {} }, driver);
    expect(bench.ran).toEqual(expected);
  });

  it("keeps dkms's folder where other packages have modules in it", () => {
    const host = memoryHost({ files: { '/var/lib/dkms/mok.key': '', '/var/lib/dkms/zfs/2.3/source': '' } });
    expect(describeUndo(host, key)).toEqual({ kind: 'keep', text: '/var/lib/dkms: it has zfs, too' });
  });

  it('gives up where another dpkg is at work, since what stays then would be forgotten', async () => {
    const bench = await memoryBench({
      exec: ({ command }) => (command === 'dpkg-query' ? 'ii  dkms\n' : undefined),
      hands: {
        async run(_, onLine) {
          onLine('dpkg: error: dpkg frontend lock was locked by another process with pid 4711');
          return { code: 2, signal: undefined, timedOut: false, cancelled: false };
        },
      },
    });
    const back = takeBack(
      { host: bench.host, hands: bench.hands, onLine() {} },
      { kind: 'packages', manager: 'apt', names: ['dkms'] },
    );
    await expect(back).rejects.toThrow('dpkg frontend lock was locked by another process with pid 4711');
  });

  it('leaves packages that others have come to need', async () => {
    const installed = new Set(['dkms', 'gcc', 'make']);
    const bench = await memoryBench({
      exec: ({ command, args }) =>
        command === 'dpkg-query'
          ? args
              .filter((one) => installed.has(one))
              .map((one) => `ii  ${one}\n`)
              .join('')
          : undefined,
      hands: {
        async run() {
          installed.delete('dkms');
          return { code: 1, signal: undefined, timedOut: false, cancelled: false };
        },
      },
    });
    const report = await takeBack(
      { host: bench.host, hands: bench.hands, onLine() {} },
      { kind: 'packages', manager: 'apt', names: ['dkms', 'gcc', 'gone'] },
    );
    expect(report).toEqual({ kind: 'remove', text: 'packages: dkms; others need gcc, which stay' });
  });
});
