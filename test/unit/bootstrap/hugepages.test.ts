// Hugepages: when they are brought, what a reboot is needed for, and what is given back.
import { describe, expect, it } from 'vitest';
import { rebootReasons } from '../../../src/bootstrap/reboot.ts';
import { hugepages } from '../../../src/bootstrap/steps/hugepages.ts';
import { describeUndo, takeBack } from '../../../src/bootstrap/undo.ts';
import { STATE_PATH } from '../../../src/state/state.ts';
import { numaNode, poolOf } from '../support/hugepages.ts';
import type { Files } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';
import { type BenchOptions, lines, memoryBench } from './bench.ts';

const MOUNT = '/dev/hugepages-1G';
const UNDO = { kind: 'hugepages', path: MOUNT } as const;
const MOUNTED = `40 30 0:35 / ${MOUNT} rw,nosuid,nodev - hugetlbfs hugetlbfs rw,pagesize=1024M\n`;

/** A reconcile's own words. */
function planned(kinds: readonly string[], state: string): BenchOptions {
  const steps = kinds.map((kind) => ({ kind, text: kind }));
  const status = { kernels: [], hugepages: { mount: { path: MOUNT, state } } };
  return {
    hands: { ask: async () => ({ code: 0, stdout: JSON.stringify({ steps, status }), stderr: '' }) },
    facts: { chrooted: false },
  };
}

describe('the step', () => {
  it.each<[string, BenchOptions, boolean]>([
    ['is done where nothing of them is to do', planned(['build', 'load'], 'ok'), true],
    [
      'is done in a chroot',
      { ...planned(['allocateHugepages'], 'missing'), facts: { chrooted: true } },
      true,
    ],
    ['is to be done where pages are to be had', planned(['build', 'allocateHugepages'], 'ok'), false],
    ['is to be done where the mount is missing', planned(['mountHugepages'], 'missing'), false],
    ['is to be done where nobody can tell', { facts: { chrooted: false } }, false],
  ])('%s', async (_, options, done) => {
    expect((await hugepages.check(await memoryBench(options))).done).toBe(done);
  });

  it('has them brought by ttkmd, and takes back only a mount that was not there before', async () => {
    for (const [state, expected] of [
      ['missing', [{ kind: 'folder', path: '/dev' }, { kind: 'folder', path: MOUNT }, UNDO]],
      ['ok', []],
    ] as const) {
      const [work, ...more] = await hugepages.plan(await memoryBench(planned(['allocateHugepages'], state)));
      expect(lines(work === undefined ? [] : [work])).toEqual(['ttkmdctl hugepages apply']);
      expect(work?.kind === 'ttkmdctl' && work.undo).toEqual(expected);
      expect(more).toEqual([]);
    }
  });
});

describe('giving back', () => {
  const BOOT = 'b3f1c1b6-0000-4000-8000-000000000001';
  /** Six pages, of which ttkmd has asked for four. */
  const machine = (free: number, more: Files = {}): Files => ({
    '/proc/sys/kernel/random/boot_id': `${BOOT}\n`,
    ...numaNode(0, { pages: 6, free }),
    [STATE_PATH]: JSON.stringify({ schema: 1, pages: { boot: BOOT, pages: { 'node 0': 4 } } }),
    '/proc/self/mountinfo': MOUNTED,
    ...more,
  });
  const give = async (files: Files) => {
    const bench = await memoryBench({ files });
    const report = await takeBack({ host: bench.host, hands: bench.hands, onLine() {} }, UNDO);
    return { report, ran: bench.ran, left: bench.host.fs.readText(`${poolOf(0)}/nr_hugepages`)?.trim() };
  };

  it('takes the mount off, and leaves the pages that others have asked for', async () => {
    const { report, ran, left } = await give(machine(6));
    expect(ran).toEqual([`umount ${MOUNT}`]);
    expect(left).toBe('2');
    expect(report).toEqual({ kind: 'remove', text: `4 pages of 1 GiB and the mount of ${MOUNT}` });
  });

  it('leaves all to a driver that is loaded still', async () => {
    const { report, ran, left } = await give(machine(6, { '/sys/module/tenstorrent/refcnt': '1\n' }));
    expect([ran, left]).toEqual([[], '6']);
    expect(report?.kind).toBe('keep');
  });

  it('never takes a page that somebody uses', async () => {
    const { report, left } = await give(machine(1));
    expect(left).toBe('5');
    expect(report?.text).toContain('somebody uses 3 pages of 1 GiB on node 0');
  });

  it('has nothing to do after a reboot', () => {
    const host = memoryHost({
      files: {
        ...machine(0),
        '/proc/sys/kernel/random/boot_id': 'another\n',
        '/proc/self/mountinfo': '',
      },
    });
    expect(describeUndo(host, UNDO)).toBeUndefined();
  });
});

describe('a reboot', () => {
  const pages = { supported: true, present: 4, demand: 4 };
  it.each<[string, Files, Partial<typeof pages>, string[]]>([
    ['is not needed where all is there', { '/sys/module/tenstorrent/version': '2.10.0\n' }, {}, []],
    [
      'brings the driver that is installed',
      { '/sys/module/tenstorrent/version': '2.9.0\n' },
      {},
      ['The driver 2.9.0 is loaded, and 2.10.0 is installed.'],
    ],
    ['is what a package asks for', { '/run/reboot-required': '' }, {}, ['/run/reboot-required']],
    ['makes room for hugepages', {}, { present: 1 }, ['Only 1 of 4 hugepages']],
    ['makes none where the kernel has none', {}, { present: 0, supported: false }, []],
  ])('%s', (_, files, change, expected) => {
    const reasons = rebootReasons(memoryHost({ files }), '2.10.0', { ...pages, ...change });
    expect(reasons).toHaveLength(expected.length);
    for (const [place, words] of expected.entries()) expect(reasons[place]).toContain(words);
  });

  it('is nothing for a chroot', () => {
    const host = memoryHost({ files: { '/run/reboot-required': '' }, machine: { chrooted: true } });
    expect(rebootReasons(host, '2.10.0', undefined)).toEqual([]);
  });
});
