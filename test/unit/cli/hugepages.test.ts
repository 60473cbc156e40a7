// The pages of 1 GiB in words: the line of the status screen, and the screen of their own.
import { describe, expect, it } from 'vitest';
import { isWell } from '../../../src/cli/hugepages.ts';
import { hugepagesFacts, hugepagesText } from '../../../src/cli/render-hugepages.ts';
import { EMPTY_STATE, saveState } from '../../../src/state/state.ts';
import { BOOT, card, mounted, NOT_MOUNTED, numaNode, withoutNodes } from '../support/hugepages.ts';
import { type Files, judgeHost, machine } from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const TWO = { ...card(1, 'blackhole', { node: 0 }), ...card(2, 'wormhole', { node: 1 }) };

const judged = (files: Files, settings = '') =>
  judgeHost(
    machine(
      { '/etc/ttkmd/ttkmd.conf': `[hugepages]\n${settings}\n`, ...files },
      { machine: { runningRelease: A } },
    ),
  );

describe('the line of the status screen', () => {
  it.each<[string, Files, string, string]>([
    [
      'where all is there',
      { ...numaNode(0, { pages: 4 }), ...numaNode(1, { pages: 4 }), ...TWO, ...mounted() },
      '',
      '8 of 8 × 1 GiB    node 0: 4, node 1: 4, mounted at /dev/hugepages-1G',
    ],
    [
      'where some are missing',
      { ...numaNode(0, { pages: 4 }), ...numaNode(1, { pages: 2 }), ...TWO, ...NOT_MOUNTED },
      '',
      '6 of 8 × 1 GiB    node 0: 4, node 1: 2 of 4, not mounted',
    ],
    [
      'where there are more than wanted',
      { ...numaNode(0, { pages: 6 }), ...numaNode(1, { pages: 4 }), ...TWO, ...mounted() },
      '',
      '8 of 8 × 1 GiB    node 0: 4, node 1: 4, mounted at /dev/hugepages-1G, 2 more on node 0 than wanted, which are left',
    ],
    [
      'where the mount is another',
      { ...numaNode(0, { pages: 4 }), ...card(1, 'wormhole', { node: 0 }), ...mounted('rw,pagesize=2M') },
      '',
      '4 of 4 × 1 GiB    node 0: 4, mounted at /dev/hugepages-1G in another way',
    ],
    [
      'where there are no nodes',
      { ...withoutNodes({ pages: 4 }), ...card(1, 'wormhole'), ...mounted() },
      '',
      '4 of 4 × 1 GiB    mounted at /dev/hugepages-1G',
    ],
    ['where none are wanted', { ...numaNode(0), ...NOT_MOUNTED }, '', 'none wanted: there is no device'],
    [
      'where none are wanted any more',
      { ...numaNode(0, { pages: 4 }), ...card(1, 'wormhole') },
      'mode = off',
      'none wanted: hugepages.mode is off; 4 × 1 GiB are there, and left',
    ],
    [
      'where there can be none',
      {
        '/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages': { link: '/nowhere' },
        '/proc/cpuinfo': 'flags : fpu\n',
        ...card(1, 'wormhole'),
      },
      '',
      '0 of 4 × 1 GiB    this processor has no pages of 1 GiB: it lacks the feature pdpe1gb',
    ],
  ])('%s', async (_, files, settings, text) => {
    expect(hugepagesText(await judged(files, settings))).toBe(text);
  });
});

it('a screen of their own says what is where and why, and what could be given back', async () => {
  const host = machine(
    {
      ...numaNode(0, { pages: 4, free: 0 }),
      ...numaNode(1, { pages: 1, unused: 5 }),
      ...numaNode(2, { pages: 3, memory: 64 }),
      ...TWO,
      ...card(3, 'wormhole'),
      ...BOOT,
      ...mounted(),
    },
    { machine: { runningRelease: A } },
  );
  saveState(host.fs, { ...EMPTY_STATE, pages: { boot: 'this-boot', pages: { 'node 2': 2 } } });
  expect(hugepagesFacts(await judgeHost(host))).toEqual([
    ['wanted', '12: 4 for each Blackhole, 4 for each Wormhole'],
    ['node 0', '8 wanted, 4 allocated, 0 free'],
    ['node 1', '4 wanted, 1 allocated, 1 free'],
    [
      'node 2',
      '0 wanted, 3 allocated, 3 free, 2 of ours can be given back: ttkmdctl hugepages apply --release',
    ],
    ['mount', 'mounted at /dev/hugepages-1G'],
    ['note', 'the machine names no node for a device: the pages are taken from node 0'],
  ]);
});

describe('it is well', () => {
  const problemsOf = async (files: Files): Promise<Parameters<typeof isWell>[0]> =>
    (await judged({ ...card(1, 'wormhole', { node: 0 }), ...files })).problems.filter(({ code }) =>
      code.startsWith('hugepages-'),
    );
  const OTHER = mounted('rw,mode=770,pagesize=1024M');
  it.each<[string, Files, boolean, boolean]>([
    ['where all is there', { ...numaNode(0, { pages: 4 }), ...mounted() }, true, true],
    ['at boot where the mount is another', { ...numaNode(0, { pages: 4 }), ...OTHER }, false, true],
    ['not where pages are missing', { ...numaNode(0, { pages: 3 }), ...OTHER }, false, false],
    ['not where nothing is mounted', { ...numaNode(0, { pages: 4 }), ...NOT_MOUNTED }, false, false],
  ])('%s', async (_, files, well, atBoot) => {
    const problems = await problemsOf(files);
    expect([isWell(problems), isWell(problems, true)]).toEqual([well, atBoot]);
  });
});
