// What sysfs and /dev say of cards: their kind, their place, what drives them, and what they tell of themselves.
import { describe, expect, it } from 'vitest';
import { type DeviceDetails, observeCards } from '../../../src/driver/device-details.ts';
import { type ExtraDevice, observeDevices } from '../../../src/driver/devices.ts';
import { type Card, card, loaded, N300, P150A, processFiles } from '../support/cards.ts';
import { type FileSpec, type MemoryHost, memoryHost } from '../support/memory-host.ts';

const ADDRESS = '0000:01:00.0';
const BLACKHOLE: Card = { device: 'b140' };
const DRIVEN: Card = { device: 'b140', driver: 'tenstorrent', number: 0 };

function look(files: Record<string, FileSpec>, extra: readonly ExtraDevice[] = []): readonly DeviceDetails[] {
  return cards(memoryHost({ files }), extra).devices;
}

function cards(host: MemoryHost, extra: readonly ExtraDevice[] = []): ReturnType<typeof observeCards> {
  return observeCards(host, observeDevices(host.fs, extra));
}

describe('a device', () => {
  it.each<[string, Card, Partial<DeviceDetails>]>([
    ['of each family: Grayskull', { device: 'faca' }, { family: 'grayskull' }],
    ['of each family: Wormhole', { device: '401e' }, { family: 'wormhole' }],
    ['of each family: Blackhole', BLACKHOLE, { family: 'blackhole' }],
    ['of a family to come', { device: 'feed' }, { family: 'device feed' }],
    ['on a machine without NUMA', BLACKHOLE, { node: undefined }],
    ['that the firmware gave no node', { ...BLACKHOLE, numaNode: -1 }, { node: undefined }],
    ['on the second node', { ...BLACKHOLE, numaNode: 1 }, { node: 1 }],
    ['without an IOMMU', BLACKHOLE, { iommu: 'none' }],
    ['that the IOMMU lets pass', { ...BLACKHOLE, iommu: 'identity' }, { iommu: 'pass' }],
    ['whose addresses are translated', { ...BLACKHOLE, iommu: 'DMA' }, { iommu: 'translates' }],
    ['… with a flush queue', { ...BLACKHOLE, iommu: 'DMA-FQ' }, { iommu: 'translates' }],
    [
      'bound to nothing',
      BLACKHOLE,
      { driver: undefined, deviceNode: undefined, byId: undefined, card: undefined, firmware: {} },
    ],
    ['bound to its driver', DRIVEN, { driver: 'tenstorrent', deviceNode: '/dev/tenstorrent/0' }],
    [
      'given to a virtual machine',
      { ...BLACKHOLE, driver: 'vfio-pci' },
      { driver: 'vfio-pci', deviceNode: undefined },
    ],
    [
      'with a link that names it',
      { ...DRIVEN, number: 12, byId: 'blackhole-00A1' },
      { deviceNode: '/dev/tenstorrent/12', byId: '/dev/tenstorrent/by-id/blackhole-00A1' },
    ],
    [
      'whose firmware tells nothing',
      DRIVEN,
      { card: undefined, serial: undefined, asicId: undefined, firmware: {} },
    ],
    [
      'with all that Blackhole tells',
      { ...DRIVEN, attributes: P150A },
      {
        card: 'p150a',
        serial: '0000040211600001',
        asicId: '00A1B2C3D4E5F607',
        firmware: { bundle: '18.10.0.0', m3app: '0.15.0.0' },
      },
    ],
    [
      'with all that Wormhole tells',
      { ...DRIVEN, device: '401e', attributes: N300 },
      {
        card: 'n300',
        firmware: {
          bundle: '18.10.0.0',
          arc: '2.29.0.0',
          eth: '6.14.0',
          m3app: '5.12.0.0',
          m3bl: '129.2.0.0',
          ttflash: '3.0.0.0',
        },
      },
    ],
    [
      'that hangs and answers all ones',
      {
        ...DRIVEN,
        attributes: {
          tt_card_type: 'unknown',
          tt_serial: 'FFFFFFFFFFFFFFFF',
          tt_fw_bundle_ver: '255.255.255.255',
          tt_eth_fw_ver: '255.15.4095',
        },
      },
      { card: undefined, serial: undefined, firmware: {} },
    ],
  ])('%s', (_, one, expected) => {
    const [found] = look(card(ADDRESS, one));
    expect(found).toMatchObject({ address: ADDRESS, ...expected });
    // An empty object would match every other one.
    if (expected.firmware !== undefined) expect(found?.firmware).toEqual(expected.firmware);
  });

  it('whose node is not in /dev has none', () => {
    const { '/dev/tenstorrent/0': _, ...files } = card(ADDRESS, { ...DRIVEN, attributes: P150A });
    expect(look(files)).toMatchObject([{ card: 'p150a', deviceNode: undefined, byId: undefined }]);
  });

  it('that is set up anew, and says ENODATA, is there all the same', () => {
    const host = memoryHost({ files: card(ADDRESS, { ...DRIVEN, attributes: P150A }) });
    const readText = (path: string): string | undefined => {
      if (path.includes('/tt_'))
        throw Object.assign(new Error('ENODATA: no data available, read'), { code: 'ENODATA' });
      return host.fs.readText(path);
    };
    const [device] = cards({ ...host, fs: { ...host.fs, readText } }).devices;
    expect(device).toMatchObject({ deviceNode: '/dev/tenstorrent/0', card: undefined, firmware: {} });
  });
});

describe('the devices', () => {
  it.each<[string, Record<string, FileSpec>]>([
    ['without sysfs', {}],
    ['with others alone', card(ADDRESS, { vendor: '10de', device: '20b0' })],
    ["that have another vendor's number", card(ADDRESS, { vendor: '8086', device: 'b140' })],
  ])('are none: %s', (_, files) => {
    expect(look(files)).toEqual([]);
  });

  it('are those that the configuration names, too', () => {
    const files = {
      ...card(ADDRESS, { vendor: '1234', device: '11e8', driver: 'tenstorrent', number: 0 }),
      ...card('0000:02:00.0', BLACKHOLE),
    };
    const extra = [{ vendor: '1234', device: '11e8', family: 'wormhole' }];
    expect(look(files, extra).map(({ family }) => family)).toEqual(['wormhole', 'blackhole']);
    expect(look(files).map(({ family }) => family)).toEqual(['blackhole']);
    // What is known may be called otherwise.
    expect(
      look(files, [{ vendor: '1e52', device: 'b140', family: 'wormhole' }]).map(({ family }) => family),
    ).toEqual(['wormhole']);
  });

  it('may be mixed', () => {
    const found = look({
      ...card('0000:01:00.0', { device: '401e', driver: 'tenstorrent', number: 1, attributes: N300 }),
      ...card('0000:02:00.0', { ...DRIVEN, attributes: P150A }),
      ...card('0000:03:00.0', { ...BLACKHOLE, driver: 'vfio-pci' }),
    });
    expect(found.map(({ card: type, deviceNode }) => [type, deviceNode])).toEqual([
      ['n300', '/dev/tenstorrent/1'],
      ['p150a', '/dev/tenstorrent/0'],
      [undefined, undefined],
    ]);
  });

  it('of a Galaxy are thirty-two on two nodes, each with its own', () => {
    const host = memoryHost({
      files: {
        ...galaxy(),
        ...loaded(1),
        ...processFiles(7, 'tt', 0, { 'fd/3': { link: '/dev/tenstorrent/31' } }),
      },
    });
    const { devices, holders } = cards(host);
    expect(devices).toHaveLength(32);
    expect([0, 1].map((node) => devices.filter((one) => one.node === node).length)).toEqual([16, 16]);
    for (const [index, one] of devices.entries()) {
      expect(one).toMatchObject({
        deviceNode: `/dev/tenstorrent/${index}`,
        byId: `/dev/tenstorrent/by-id/wormhole-${index}`,
        card: 'galaxy-wormhole',
      });
    }
    expect(holders.map(({ nodes }) => nodes)).toEqual([['/dev/tenstorrent/31']]);
  });
});

function galaxy(): Record<string, FileSpec> {
  return Object.assign(
    {},
    ...Array.from({ length: 32 }, (_, number) => {
      const bus = (number + 1).toString(16).padStart(2, '0');
      return card(`0000:${bus}:00.0`, {
        device: '401e',
        driver: 'tenstorrent',
        number,
        numaNode: number < 16 ? 0 : 1,
        iommu: 'DMA-FQ',
        byId: `wormhole-${number}`,
        attributes: { tt_card_type: 'galaxy-wormhole' },
      });
    }),
  );
}
