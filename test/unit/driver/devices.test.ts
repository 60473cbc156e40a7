// What sysfs tells of each card.
import { describe, expect, it } from 'vitest';
import { observeDevices } from '../../../src/driver/loaded.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';

const ADDRESS = '0000:41:00.0';
const FOLDER = `/sys/bus/pci/devices/${ADDRESS}`;

function look(files: Record<string, FileSpec>) {
  const board = { [`${FOLDER}/vendor`]: '0x1e52\n', [`${FOLDER}/device`]: '0xb140\n' };
  return observeDevices(memoryHost({ files: { ...board, ...files } }).fs, [])[0];
}

describe('a device', () => {
  it.each<[string, Record<string, FileSpec>, object]>([
    ['on a machine without NUMA', {}, { node: undefined }],
    ['that the firmware gave no node', { [`${FOLDER}/numa_node`]: '-1\n' }, { node: undefined }],
    ['on the second node', { [`${FOLDER}/numa_node`]: '1\n' }, { node: 1 }],
    ['without an IOMMU', {}, { iommu: 'none' }],
    ['that the IOMMU lets pass', { [`${FOLDER}/iommu_group/type`]: 'identity\n' }, { iommu: 'pass' }],
    ['whose addresses are translated', { [`${FOLDER}/iommu_group/type`]: 'DMA\n' }, { iommu: 'translates' }],
    ['… with a flush queue', { [`${FOLDER}/iommu_group/type`]: 'DMA-FQ\n' }, { iommu: 'translates' }],
    [
      'bound to a driver',
      { [`${FOLDER}/driver`]: { link: '../../../bus/pci/drivers/tenstorrent' } },
      { driver: 'tenstorrent' },
    ],
  ])('%s', (_, files, expected) => {
    expect(look(files)).toMatchObject({ address: ADDRESS, family: 'blackhole', ...expected });
  });
});
