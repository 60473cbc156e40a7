// Pages of 1 GiB in the loop: what is planned.
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { A, B, CARD, hostWith, MOUNT, NO_POOL, TWO } from '../support/hugepage-hosts.ts';
import { card, mounted, NOT_MOUNTED, numaNode, withoutNodes } from '../support/hugepages.ts';
import {
  current,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  planHost,
} from '../support/machines.ts';

describe('the plan', () => {
  it.each<[string, Files, string, Partial<Policy>, string[]]>([
    [
      'has the missing pages and the mount',
      { ...numaNode(0), ...CARD },
      '',
      {},
      ['allocate 4 of 4 on 0', MOUNT],
    ],
    [
      'at boot',
      { ...numaNode(0), ...CARD },
      '',
      { trigger: 'boot', only: A },
      ['allocate 4 of 4 on 0', MOUNT],
    ],
    ['by the daemon', { ...numaNode(0), ...CARD }, '', { trigger: 'watch' }, ['allocate 4 of 4 on 0', MOUNT]],
    ['by the clock', { ...numaNode(0), ...CARD }, '', { trigger: 'timer' }, ['allocate 4 of 4 on 0', MOUNT]],
    [
      'is not made while a kernel is installed',
      { ...numaNode(0), ...CARD },
      '',
      { trigger: 'kernel-event', only: B },
      [],
    ],
    [
      'is not made for another kernel',
      { ...numaNode(0), ...CARD, ...gentooKernel(B) },
      '',
      { only: B, part: 'hugepages' },
      [],
    ],
    [
      'has each node by itself',
      { ...numaNode(0, { pages: 4 }), ...numaNode(1, { pages: 1 }), ...TWO },
      '',
      {},
      ['allocate 4 of 4 on 1', MOUNT],
    ],
    ['is empty where all is there', { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() }, '', {}, []],
    ['leaves more than is wanted', { ...numaNode(0, { pages: 9 }), ...CARD, ...mounted() }, '', {}, []],
    [
      'does not count on surplus pages',
      { ...numaNode(0, { pages: 4, surplus: 2 }), ...CARD, ...mounted() },
      '',
      {},
      ['allocate 4 of 4 on 0'],
    ],
    ['mounts again what was unmounted', { ...numaNode(0, { pages: 4 }), ...CARD }, '', {}, [MOUNT]],
    [
      'leaves another mount alone',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted('rw,mode=770,pagesize=1024M') },
      '',
      {},
      [],
    ],
    [
      'mounts where the settings say',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() },
      'mount = /mnt/huge',
      {},
      ['mount /mnt/huge'],
    ],
    [
      'has no mount where something is in the way',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/dev/hugepages-1G/a': '' },
      '',
      {},
      [],
    ],
    ['has nothing without a device', numaNode(0), '', {}, []],
    ['has nothing where the mode is off', { ...numaNode(0), ...CARD }, 'mode = off', {}, []],
    [
      'has what the whole machine lacks where there are no nodes',
      { ...withoutNodes({ pages: 1 }), ...CARD },
      '',
      {},
      ['allocate 4 of 4 on all', MOUNT],
    ],
    ['has nothing where the kernel has no such pages', { ...NO_POOL, ...CARD }, '', {}, []],
    [
      'keeps memory free',
      { ...numaNode(0, { memory: 16, unused: 7.5 }), ...CARD, ...mounted() },
      '',
      {},
      ['allocate 3 of 4 on 0'],
    ],
    [
      'keeps as much as is asked for',
      { ...numaNode(0, { memory: 16, unused: 7.5 }), ...CARD, ...mounted() },
      'keep_free = 0',
      {},
      ['allocate 4 of 4 on 0'],
    ],
    [
      'takes nothing from a machine that is full',
      { ...numaNode(0, { memory: 16, unused: 4.9 }), ...CARD, ...mounted() },
      '',
      {},
      [],
    ],
    [
      'keeps a fair share free on each node',
      { ...numaNode(0, { unused: 5 }), ...numaNode(1, { unused: 60 }), ...TWO, ...mounted() },
      '',
      {},
      ['allocate 3 of 4 on 0', 'allocate 4 of 4 on 1'],
    ],
    [
      'keeps the whole of it free where one node is small',
      { ...numaNode(0, { unused: 1 }), ...numaNode(1, { unused: 6 }), ...TWO, ...mounted() },
      '',
      {},
      ['allocate 3 of 4 on 1'],
    ],
  ])('%s', async (_, files, settings, policy, expected) => {
    expect(inShort(await planHost(hostWith(files, settings), policy))).toEqual(expected);
  });

  it('is made before anything is built, and alone where that is asked for', async () => {
    const host = hostWith({ ...numaNode(0), ...CARD, ...gentooKernel(B) });
    expect(inShort(await planHost(host)).slice(0, 3)).toEqual([
      'allocate 4 of 4 on 0',
      MOUNT,
      `build ${B} 2.9.0`,
    ]);
    expect(inShort(await planHost(host, { part: 'hugepages' }))).toEqual(['allocate 4 of 4 on 0', MOUNT]);
  });

  it('is not made in a chroot', async () => {
    const host = hostWith({ ...numaNode(0), ...CARD }, '', { machine: { chrooted: true } });
    expect(await planHost(host, { part: 'hugepages' })).toEqual([]);
    const judged = await judgeHost(host);
    expect([judged.hugepages, judged.problems.filter(({ code }) => code.startsWith('hugepages'))]).toEqual([
      undefined,
      [],
    ]);
  });
});

describe('behind an IOMMU that translates, pages are wanted or not by the driver', () => {
  const BEHIND: Files = {
    ...numaNode(0),
    ...card(1, 'blackhole', { node: 0, iommu: 'DMA-FQ' }),
    ...NOT_MOUNTED,
  };
  const loaded = (version: string): Files => ({ '/sys/module/tenstorrent/version': `${version}\n` });
  it.each<[string, Files, number]>([
    ['that is loaded', { ...current(A, '2.9.0'), ...loaded('1.28.0') }, 4],
    ['that is loaded, and new enough', { ...current(A, '1.28.0'), ...loaded('1.29.0') }, 0],
    ['that is installed, where none is loaded yet', current(A, '2.9.0'), 0],
    ['that is installed, though another is wanted', { ...current(A, '1.28.0'), ...driverSource('2.9.0') }, 4],
    ['that is wanted, where none is installed yet', { ...gentooKernel(A), ...driverSource('2.9.0') }, 0],
    ['that nobody knows', gentooKernel(A), 4],
  ])('%s', async (_, files, total) => {
    const host = machine({ ...BEHIND, ...files }, { machine: { runningRelease: A } });
    expect((await judgeHost(host)).hugepages?.demand.total).toBe(total);
  });
});
