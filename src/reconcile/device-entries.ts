// Devices and who holds them as the documented JSON has them.
import type { Cards, DeviceDetails } from '../driver/device-details.ts';
import type { Holder } from '../driver/holders.ts';

/** An entry of `devices[]`. */
export function deviceEntry(device: DeviceDetails, { holders }: Pick<Cards, 'holders'>): object {
  const { address, family, driver, givenTo, card, node, iommu, deviceNode, byId, serial, asicId, firmware } =
    device;
  return {
    address,
    family,
    driver: driver ?? null,
    givenTo: givenTo ?? null,
    card: card ?? null,
    numaNode: node ?? null,
    iommu,
    deviceNode: deviceNode ?? null,
    byId: byId ?? null,
    serial: serial ?? null,
    asicId: asicId ?? null,
    firmware,
    holders: holdersOf(device, holders).map(({ pid }) => pid),
  };
}

/** An entry of `holders[]`. */
export function holderEntry({ pid, name, user, nodes, belongs }: Holder): object {
  return {
    pid,
    name,
    user,
    deviceNodes: nodes,
    belongs:
      belongs === undefined
        ? null
        : { kind: belongs.kind, name: belongs.name, runtime: belongs.runtime ?? null },
  };
}

export function holdersOf({ deviceNode }: DeviceDetails, holders: readonly Holder[]): Holder[] {
  return deviceNode === undefined ? [] : holders.filter(({ nodes }) => nodes.includes(deviceNode));
}
