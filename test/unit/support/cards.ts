// Tenstorrent cards as sysfs and /dev show them, and processes that hold them, as files.
import type { FileSpec } from './memory-host.ts';

type Files = Record<string, FileSpec>;

export interface Card {
  /** PCI device number; 401e is Wormhole, b140 Blackhole, faca Grayskull. */
  readonly device: string;
  readonly vendor?: string;
  /** The bound driver. */
  readonly driver?: string;
  /** The one driver that may take it, as `driver_override` says. */
  readonly override?: string;
  /** The number of its node, which the driver gives it. */
  readonly number?: number;
  /** The driver's attributes, such as tt_card_type. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** The name of the link in by-id. */
  readonly byId?: string;
  readonly numaNode?: number;
  readonly iommu?: string;
}

/** A card at a PCI address. */
export function card(address: string, card: Card): Files {
  const folder = `/sys/bus/pci/devices/${address}`;
  const files: Files = {
    [`${folder}/vendor`]: `0x${card.vendor ?? '1e52'}\n`,
    [`${folder}/device`]: `0x${card.device}\n`,
  };
  if (card.driver !== undefined) {
    files[`${folder}/driver`] = { link: `../../../bus/pci/drivers/${card.driver}` };
  }
  if (card.override !== undefined) files[`${folder}/driver_override`] = `${card.override}\n`;
  if (card.numaNode !== undefined) files[`${folder}/numa_node`] = `${card.numaNode}\n`;
  if (card.iommu !== undefined) files[`${folder}/iommu_group/type`] = `${card.iommu}\n`;
  return { ...files, ...(card.number === undefined ? {} : nodeFiles(folder, card.number, card)) };
}

function nodeFiles(folder: string, number: number, { attributes = {}, byId }: Card): Files {
  const node = `tenstorrent!${number}`;
  const files: Files = {
    [`${folder}/tenstorrent/${node}/dev`]: `240:${number}\n`,
    [`/sys/class/tenstorrent/${node}`]: { link: `${folder}/tenstorrent/${node}` },
    [`/dev/tenstorrent/${number}`]: { special: `240:${number}` },
  };
  for (const [name, value] of Object.entries(attributes)) {
    files[`${folder}/tenstorrent/${node}/${name}`] = `${value}\n`;
  }
  if (byId !== undefined) files[`/dev/tenstorrent/by-id/${byId}`] = { link: `../${number}` };
  return files;
}

/** Attributes as a Blackhole card's firmware gives them. */
export const P150A = {
  tt_card_type: 'p150a',
  tt_serial: '0000040211600001',
  tt_asic_id: '00A1B2C3D4E5F607',
  tt_fw_bundle_ver: '18.10.0.0',
  tt_m3app_fw_ver: '0.15.0.0',
} as const;

/** Attributes as a Wormhole card's firmware gives them. */
export const N300 = {
  tt_card_type: 'n300',
  tt_serial: '0100014511600002',
  tt_fw_bundle_ver: '18.10.0.0',
  tt_arc_fw_ver: '2.29.0.0',
  tt_eth_fw_ver: '6.14.0',
  tt_m3app_fw_ver: '5.12.0.0',
  tt_m3bl_fw_ver: '129.2.0.0',
  tt_ttflash_ver: '3.0.0.0',
} as const;

/** The loaded module with its count of users. */
export function loaded(users: number, version = '2.9.0'): Files {
  return {
    '/sys/module/tenstorrent/version': `${version}\n`,
    '/sys/module/tenstorrent/refcnt': `${users}\n`,
    '/proc/self/ns/pid': { link: 'pid:[4026531836]' },
  };
}

/** What /proc shows of a process; `more` is below its folder. */
export function processFiles(
  pid: number,
  name: string,
  user: number,
  more: Files = {},
  cgroup = '0::/',
): Files {
  const folder = `/proc/${pid}`;
  return {
    [`${folder}/comm`]: `${name}\n`,
    [`${folder}/status`]: `Name:\t${name}\nUid:\t${user}\t${user}\t${user}\t${user}\n`,
    [`${folder}/cgroup`]: `${cgroup}\n`,
    [`${folder}/fd/0`]: { link: '/dev/null' },
    [`${folder}/maps`]: '',
    ...Object.fromEntries(Object.entries(more).map(([path, spec]) => [`${folder}/${path}`, spec])),
    // Last, because a folder that is another user's takes no more files.
    [folder]: { folder: true, user },
  };
}
