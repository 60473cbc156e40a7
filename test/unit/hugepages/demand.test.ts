// How many pages are wanted where: each kind of machine has a defined answer.
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { observeDevices } from '../../../src/driver/devices.ts';
import { demandOf } from '../../../src/hugepages/demand.ts';
import type { Demand } from '../../../src/hugepages/hugepages.ts';
import { observeHugepages } from '../../../src/hugepages/observe.ts';
import { card, numaNode, withoutNodes } from '../support/hugepages.ts';
import type { Files } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';

const OVERRIDE = '/opt/tenstorrent/bin/hugepages-override.txt';
const TWO = { ...numaNode(0), ...numaNode(1) };
/** 32 Wormholes, half of them on each node. */
const GALAXY = Object.assign(
  {},
  ...Array.from({ length: 32 }, (_, index) => card(index + 1, 'wormhole', { node: index < 16 ? 0 : 1 })),
) as Files;

function demand(files: Files, settings = '', driverVersion?: string): Demand {
  const { fs } = memoryHost({ files: { '/etc/ttkmd/ttkmd.conf': `[hugepages]\n${settings}\n`, ...files } });
  const { config, problems } = loadConfig(fs);
  expect(problems).toEqual([]);
  const seen = observeHugepages(fs, {
    settings: config.hugepages,
    arch: 'x86_64',
    asked: undefined,
    driverVersion,
  });
  const devices = observeDevices(fs, config.devices.extra);
  return demandOf({ settings: config.hugepages, devices, ...seen });
}

describe('pages are wanted', () => {
  it.each<[string, Files, string, number[], RegExp]>([
    [
      '4 for a Blackhole',
      { ...numaNode(0), ...card(1, 'blackhole', { node: 0 }) },
      '',
      [4],
      /^4 for each Blackhole$/,
    ],
    [
      '1 for a Grayskull',
      { ...numaNode(0), ...card(1, 'grayskull', { node: 0 }) },
      '',
      [1],
      /^1 for each Grayskull$/,
    ],
    [
      'on the nodes of their devices',
      {
        ...TWO,
        ...card(1, 'wormhole', { node: 0 }),
        ...card(2, 'wormhole', { node: 1 }),
        ...card(3, 'wormhole', { node: 1 }),
      },
      '',
      [4, 8],
      /Wormhole/,
    ],
    [
      'on a Galaxy',
      { ...numaNode(0, { memory: 512 }), ...numaNode(1, { memory: 512 }), ...GALAXY },
      '',
      [64, 64],
      /^4 for each Wormhole$/,
    ],
    [
      'for mixed cards, each kind its own',
      {
        ...TWO,
        ...card(1, 'grayskull', { node: 0 }),
        ...card(2, 'blackhole', { node: 1 }),
        ...card(3, 'wormhole', { node: 0 }),
      },
      '',
      [5, 4],
      /^1 for each Grayskull, 4 for each Blackhole, 4 for each Wormhole$/,
    ],
    [
      'as the settings of each kind say',
      { ...TWO, ...card(1, 'grayskull', { node: 0 }), ...card(2, 'blackhole', { node: 1 }) },
      'grayskull = 0\nblackhole = 16',
      [0, 16],
      /16 for each Blackhole/,
    ],
    ['from node 0 where the machine names none', { ...TWO, ...card(1, 'wormhole') }, '', [4, 0], /Wormhole/],
    [
      'from the first node with memory where node 0 has none',
      { ...numaNode(0, { memory: 0 }), ...numaNode(1), ...card(1, 'wormhole') },
      '',
      [0, 4],
      /Wormhole/,
    ],
    [
      'from the next node where its own has no memory',
      { ...numaNode(0), ...numaNode(2, { memory: 0 }), ...numaNode(4), ...card(1, 'wormhole', { node: 2 }) },
      '',
      [0, 0, 4],
      /Wormhole/,
    ],
    [
      'from the first again after the last',
      { ...numaNode(0), ...numaNode(1, { memory: 0 }), ...card(1, 'wormhole', { node: 1 }) },
      '',
      [4, 0],
      /Wormhole/,
    ],
    ['on a node that is not listed', { ...TWO, ...card(1, 'wormhole', { node: 7 }) }, '', [4, 0], /Wormhole/],
    [
      'on the machine where it has no NUMA folders',
      { ...withoutNodes(), ...card(1, 'wormhole', { node: 1 }) },
      '',
      [4],
      /Wormhole/,
    ],
    ['not without a device', TWO, '', [0, 0], /^there is no device$/],
    [
      'not where the mode is off',
      { ...TWO, ...card(1, 'wormhole') },
      'mode = off\ntotal = 8\nextra_pages = 3',
      [0, 0],
      /^hugepages\.mode is off$/,
    ],
    [
      'without a device where a total says so',
      TWO,
      'total = 5',
      [3, 2],
      /^hugepages\.total = 5, without a device$/,
    ],
    [
      'without a device for programs',
      { ...TWO, ...numaNode(2, { memory: 0 }) },
      'extra_pages = 3',
      [2, 1, 0],
      /extra_pages = 3$/,
    ],
    [
      'for programs beside the devices',
      { ...TWO, ...card(1, 'wormhole', { node: 1 }) },
      'extra_pages = 32',
      [0, 36],
      /^4 for each Wormhole; hugepages\.extra_pages = 32$/,
    ],
    [
      'by a total, divided among the devices',
      { ...TWO, ...card(1, 'wormhole', { node: 0 }), ...card(2, 'grayskull', { node: 1 }) },
      'total = 7',
      [3, 3],
      /^hugepages\.total = 7, 3 for each device$/,
    ],
    [
      "by upstream's file, divided as upstream does it",
      {
        ...TWO,
        ...card(1, 'wormhole', { node: 0 }),
        ...card(2, 'wormhole', { node: 1 }),
        [OVERRIDE]: '16\n',
      },
      '',
      [8, 8],
      /^\/opt\/tenstorrent\/bin\/hugepages-override\.txt = 16, 8 for each device$/,
    ],
    [
      'by our total rather than by that file',
      { ...numaNode(0), ...card(1, 'wormhole', { node: 0 }), [OVERRIDE]: '16\n' },
      'total = 2',
      [2],
      /hugepages\.total/,
    ],
    ['not by that file without a device', { ...numaNode(0), [OVERRIDE]: '16\n' }, '', [0], /no device/],
    [
      'not by that file where it holds no number',
      { ...numaNode(0), ...card(1, 'wormhole'), [OVERRIDE]: 'many\n' },
      '',
      [4],
      /Wormhole/,
    ],
    [
      'not for devices that nobody knows',
      { ...numaNode(0), ...card(1, 'other', { node: 0 }) },
      '',
      [0],
      /nothing is known/,
    ],
  ])('%s', (_, files, settings, pages, why) => {
    const found = demand(files, settings);
    expect(found.pages).toEqual(pages);
    expect(found.total).toBe(pages.reduce((a, b) => a + b, 0));
    expect(found.why).toMatch(why);
  });
});

describe('an IOMMU', () => {
  const BEHIND: Files = {
    ...TWO,
    ...card(1, 'blackhole', { node: 0, iommu: 'DMA' }),
    ...card(2, 'wormhole', { node: 1, iommu: 'DMA-FQ' }),
  };
  it.each<[string, Files, string, string | undefined, number[]]>([
    ['that translates for every device takes the place of pages', BEHIND, '', '2.0.0', [0, 0]],
    ['… from driver 1.29 on', BEHIND, '', '1.29', [0, 0]],
    ['… not before', BEHIND, '', '1.28.3', [4, 4]],
    ['… not for a driver that nobody knows', BEHIND, '', undefined, [4, 4]],
    ['… whatever the totals say', { ...BEHIND, [OVERRIDE]: '8' }, 'total = 8', '2.9.0', [0, 0]],
    ['… but not of those for programs', BEHIND, 'extra_pages = 2', '2.9.0', [1, 1]],
    ['… not where pages are always wanted', BEHIND, 'mode = always', '2.9.0', [4, 4]],
    [
      'that lets one device pass feeds none',
      { ...BEHIND, ...card(3, 'wormhole', { node: 1, iommu: 'identity' }) },
      '',
      '2.9.0',
      [4, 8],
    ],
    [
      'that one device is not behind feeds none',
      { ...BEHIND, ...card(3, 'grayskull', { node: 0 }) },
      '',
      '2.9.0',
      [5, 4],
    ],
  ])('%s', (_, files, settings, driver, pages) => {
    expect(demand(files, settings, driver).pages).toEqual(pages);
  });

  it('is given as the reason', () => {
    expect(demand(BEHIND, '', '2.9.0').why).toBe(
      'the IOMMU translates for every device, and driver 2.9.0 needs none then (hugepages.mode = auto)',
    );
  });
});

describe('it is said', () => {
  it.each<[string, Files, string, string[]]>([
    [
      'that a node has no memory',
      {
        ...numaNode(0),
        ...numaNode(1, { memory: 0 }),
        ...card(1, 'wormhole', { node: 1 }),
        ...card(2, 'wormhole', { node: 1 }),
      },
      '',
      ['2 devices on node 1, which has no memory: the pages are taken from node 0'],
    ],
    [
      'that a device has no node',
      { ...TWO, ...card(1, 'wormhole') },
      '',
      ['the machine names no node for a device: the pages are taken from node 0'],
    ],
    ['… not where there is but one', { ...numaNode(0), ...card(1, 'wormhole') }, '', []],
    [
      'what a total leaves out',
      { ...numaNode(0), ...card(1, 'wormhole', { node: 0 }), ...card(2, 'wormhole', { node: 0 }) },
      'total = 5',
      ['5 pages among 2 devices are 2 for each; 1 is left out'],
    ],
    [
      'which devices are not known',
      { ...numaNode(0), ...card(1, 'other', { node: 0 }), ...card(2, 'wormhole', { node: 0 }) },
      '',
      ['how many pages a device of the kind "device 1234" needs is not known: none are counted'],
    ],
  ])('%s', (_, files, settings, notes) => {
    expect(demand(files, settings).notes).toEqual(notes);
  });
});

describe("upstream's file is shown where it is left out, too", () => {
  const FILE = { ...numaNode(0), [OVERRIDE]: '16\n' };
  const left = (why: string) => [`${OVERRIDE} says 16, and is left out: ${why}`];
  it.each<[string, Files, string, string[]]>([
    ['not where it counts', { ...FILE, ...card(1, 'wormhole') }, '', []],
    ['for our total', { ...FILE, ...card(1, 'wormhole') }, 'total = 2', left('hugepages.total wins')],
    ['without a device', FILE, '', left('there is no device that it could be for')],
    [
      'behind an IOMMU',
      { ...FILE, ...card(1, 'wormhole', { iommu: 'DMA' }) },
      '',
      left('no device needs any'),
    ],
    ['not where hugepages are left alone', { ...FILE, ...card(1, 'wormhole') }, 'mode = off', []],
  ])('%s', (_, files, settings, notes) => {
    expect(demand(files, settings, '2.9.0').notes).toEqual(notes);
  });
});
