// Pages of 1 GiB in the loop: what is said of them.
import { describe, expect, it } from 'vitest';
import { cardsOf } from '../../../src/reconcile/look.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { CARD, hostWith, NO_POOL, TWO } from '../support/hugepage-hosts.ts';
import { card, mounted, numaNode } from '../support/hugepages.ts';
import { type Files, judgeHost, planHost } from '../support/machines.ts';

describe('what is wrong', () => {
  const CPU: Files = { '/proc/cpuinfo': 'flags\t\t: fpu pse pdpe1gb rdtscp\n' };
  it.each<[string, Files, string, [string, RegExp, RegExp] | undefined]>([
    ['nothing', { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() }, '', undefined],
    ['nothing where nothing is wanted', numaNode(0), '', undefined],
    [
      'pages that can still be had',
      { ...numaNode(0, { pages: 1 }), ...CARD, ...mounted() },
      '',
      [
        'hugepages-short',
        /^1 of 4 hugepages of 1 GiB are there \(node 0: 1 of 4\)$/,
        /^as root: ttkmdctl hugepages apply; to be sure of them, add hugepagesz=1G hugepages=4 to /,
      ],
    ],
    [
      "pages, beside others' that the kernel command line asks for",
      {
        ...numaNode(0, { pages: 32 }),
        ...numaNode(1),
        ...card(1, 'blackhole', { node: 1 }),
        ...mounted(),
        '/proc/cmdline': 'ro hugepagesz=1G hugepages=0:32\n',
      },
      '',
      [
        'hugepages-short',
        /^0 of 4/,
        /add hugepagesz=1G hugepages=0:32,1:4 to .*, in place of hugepagesz=1G hugepages=0:32; reboot$/,
      ],
    ],
    [
      'no memory',
      { ...numaNode(0, { unused: 3 }), ...CARD, ...mounted() },
      '',
      ['hugepages-short', /^0 of 4/, /^there is not enough free memory with hugepages\.keep_free left over/],
    ],
    [
      'no mount',
      { ...numaNode(0, { pages: 4 }), ...CARD },
      '',
      ['hugepages-not-mounted', /^no hugepages are mounted at \/dev\/hugepages-1G$/, /hugepages apply$/],
    ],
    [
      'another mount',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted('rw,mode=770,pagesize=1024M') },
      '',
      ['hugepages-mount-differs', /left alone: mode 0770 instead of 0777$/, /umount \/dev\/hugepages-1G/],
    ],
    [
      'a file in the way',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/dev/hugepages-1G': 'x' },
      '',
      ['hugepages-not-mounted', /is there, and is no folder$/, /move it away/],
    ],
    [
      'files in the way',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/dev/hugepages-1G/a': '', '/dev/hugepages-1G/b': '' },
      '',
      ['hugepages-not-mounted', /is not empty: it holds a and 1 more$/, /hugepages\.mount/],
    ],
    [
      'a group that nobody knows',
      { ...numaNode(0, { pages: 4 }), ...CARD, '/etc/group': 'root:x:0:\n' },
      'mount_group = cards',
      ['hugepages-not-mounted', /\/etc\/group knows no group cards/, /groupadd --system cards/],
    ],
    [
      'a group that nobody knows, of a mount that is there',
      { ...numaNode(0, { pages: 4 }), ...CARD, ...mounted() },
      'mount_group = cards',
      ['hugepages-mount-differs', /knows no group cards/, /groupadd/],
    ],
    [
      'a processor without them',
      { ...NO_POOL, ...CARD, '/proc/cpuinfo': 'flags\t\t: fpu pse rdtscp\n' },
      '',
      ['hugepages-unsupported', /this processor has no pages of 1 GiB/, /virtual machine/],
    ],
    [
      'a kernel that makes them at boot only',
      { ...NO_POOL, ...CPU, ...CARD },
      '',
      ['hugepages-unsupported', /at boot only/, /hugepagesz=1G hugepages=4/],
    ],
  ])('%s', async (_, files, settings, expected) => {
    const { problems, health } = await judgeHost(hostWith(files, settings));
    const ours = problems.filter(({ code }) => code.startsWith('hugepages'));
    expect(ours.map(({ code }) => code)).toEqual(expected === undefined ? [] : [expected[0]]);
    expect(health).toBe(expected === undefined ? 'ok' : 'degraded');
    if (expected === undefined) return;
    expect(ours[0]?.message).toMatch(expected[1]);
    expect(ours[0]?.hint).toMatch(expected[2]);
  });

  it.each<[string, RegExp, RegExp]>([
    [
      '/sys/kernel/mm/hugepages',
      /^4 × 1 GiB of hugepages are wanted \(4 for each Blackhole\), and this kernel has no hugepages: CONFIG_HUGETLBFS is off$/,
      /^set CONFIG_HUGETLBFS=y/,
    ],
    ['/sys/kernel/mm', /sysfs is not mounted here$/, /mount -t sysfs/],
  ])('%s is missing', async (folder, message, hint) => {
    const host = hostWith(CARD);
    host.fs.removeTree(folder);
    const { problems } = await judgeHost(host);
    const found = problems.find(({ code }) => code === 'hugepages-unsupported');
    expect(found?.message).toMatch(message);
    expect(found?.hint).toMatch(hint);
    expect(await planHost(host, { part: 'hugepages' })).toEqual([]);
  });

  it("is noted of upstream's file, and spoils nothing", async () => {
    const files = {
      ...numaNode(0, { pages: 4 }),
      ...CARD,
      ...mounted(),
      '/opt/tenstorrent/bin/hugepages-override.txt': 'lots',
    };
    const { problems, health } = await judgeHost(hostWith(files));
    expect(problems.map(({ code, severity }) => [code, severity])).toContainEqual([
      'hugepages-override',
      'note',
    ]);
    expect(health).toBe('ok');
  });
});

it('the status document has demand, allocated and free of each node, and the mount', async () => {
  const host = hostWith({
    ...numaNode(0, { pages: 4, free: 1 }),
    ...numaNode(1, { pages: 2 }),
    ...TWO,
    ...mounted(),
  });
  const judgement = await judgeHost(host);
  expect(statusDocument(judgement, undefined, cardsOf(host, judgement))).toMatchObject({
    hugepages: {
      mode: 'auto',
      demand: 8,
      present: 6,
      why: '4 for each Blackhole, 4 for each Wormhole',
      supported: true,
      reason: null,
      override: null,
      nodes: [
        { node: 0, demand: 4, allocated: 4, free: 1, givable: 0 },
        { node: 1, demand: 4, allocated: 2, free: 2, givable: 0 },
      ],
      mount: { path: '/dev/hugepages-1G', state: 'mounted', reason: null },
      advice: expect.stringContaining('hugepagesz=1G'),
    },
  });
});
