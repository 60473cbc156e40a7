// The devices that the driver is for, as sysfs shows them.
import type { HostFs } from '../host/fs.ts';
import type { Device } from './driver.ts';
import { PACKAGE } from './sources.ts';

export const PCI_DEVICES = '/sys/bus/pci/devices';
const TENSTORRENT_VENDOR = '1e52';

/** PCI device numbers of Tenstorrent's boards, as the driver's own table has them. */
const FAMILIES: Readonly<Record<string, string>> = {
  faca: 'grayskull',
  '401e': 'wormhole',
  b140: 'blackhole',
};

export interface ExtraDevice {
  readonly vendor: string;
  readonly device: string;
  readonly family: string;
}

/**
 * Tenstorrent's PCI devices, and further ones that the configuration names.
 * @param extra vendor and device as four hexadecimal digits
 */
export function observeDevices(fs: HostFs, extra: readonly ExtraDevice[]): Device[] {
  const id = (address: string, name: string): string =>
    fs.readText(`${PCI_DEVICES}/${address}/${name}`)?.trim().replace(/^0x/, '').toLowerCase() ?? '';
  return fs.list(PCI_DEVICES).flatMap((address) => {
    const vendor = id(address, 'vendor');
    const device = id(address, 'device');
    const family =
      extra.find((one) => one.vendor === vendor && one.device === device)?.family ??
      (vendor === TENSTORRENT_VENDOR ? (FAMILIES[device] ?? `device ${device}`) : undefined);
    if (family === undefined) return [];
    const folder = `${PCI_DEVICES}/${address}`;
    const driver = fs.readLink(`${folder}/driver`)?.split('/').at(-1);
    return [
      {
        address,
        family,
        driver,
        givenTo: [driver ?? onlyDriver(fs, folder)].find((one) => one !== PACKAGE),
        node: numaNode(fs, folder),
        iommu: iommuMode(fs, folder),
      },
    ];
  });
}

/** What the admin has said may be bound to it and nothing else (sysfs-bus-pci); the kernel writes `(null)` for nothing. */
function onlyDriver(fs: HostFs, folder: string): string | undefined {
  const name = fs.readText(`${folder}/driver_override`)?.trim();
  return name === '' || name === '(null)' ? undefined : name;
}

function numaNode(fs: HostFs, folder: string): number | undefined {
  const number = Number(fs.readText(`${folder}/numa_node`)?.trim() || '-1');
  return Number.isInteger(number) && number >= 0 ? number : undefined;
}

/** The type of a device's IOMMU group begins with DMA where addresses are translated; `identity` is not (sysfs-kernel-iommu_groups). */
function iommuMode(fs: HostFs, folder: string): Device['iommu'] {
  if (!fs.exists(`${folder}/iommu_group`)) return 'none';
  return fs.readText(`${folder}/iommu_group/type`)?.startsWith('DMA') ? 'translates' : 'pass';
}
