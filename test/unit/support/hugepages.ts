// Machines' memory, pages of 1 GiB and cards, as sysfs and /proc show them.
import type { Host } from '../../../src/host/host.ts';
import type { Files } from './machines.ts';

const GIB = 1024 * 1024;
export const POOL = 'hugepages/hugepages-1048576kB';
export const MACHINE_POOL = `/sys/kernel/mm/${POOL}`;

export interface NodeOptions {
  /** GiB that it has, and that are free; 64 unless told. */
  readonly memory?: number;
  readonly unused?: number;
  readonly pages?: number;
  readonly free?: number;
  readonly surplus?: number;
}

export function poolOf(node: number): string {
  return `/sys/devices/system/node/node${node}/${POOL}`;
}

function counters(folder: string, { pages = 0, free = pages, surplus = 0 }: NodeOptions): Files {
  return {
    [`${folder}/nr_hugepages`]: `${pages}\n`,
    [`${folder}/free_hugepages`]: `${free}\n`,
    [`${folder}/surplus_hugepages`]: `${surplus}\n`,
  };
}

/** A NUMA node with its memory and its pages. */
export function numaNode(node: number, options: NodeOptions = {}): Files {
  const { memory = 64, unused = memory } = options;
  const line = (name: string, kilobytes: number): string => `Node ${node} ${name}: ${kilobytes} kB\n`;
  return {
    ...counters(poolOf(node), options),
    ...counters(MACHINE_POOL, options),
    [`/sys/devices/system/node/node${node}/meminfo`]:
      line('MemTotal', memory * GIB) + line('MemFree', unused * GIB) + line('Active(file)', 0),
    [`/sys/devices/system/node/node${node}/compact`]: '',
  };
}

/** A machine whose kernel knows no NUMA. */
export function withoutNodes(options: NodeOptions = {}): Files {
  const { memory = 64, unused = memory } = options;
  return {
    ...counters(MACHINE_POOL, options),
    '/proc/meminfo': `MemTotal:       ${memory * GIB} kB\nMemAvailable:   ${unused * GIB} kB\n`,
    '/proc/sys/vm/compact_memory': '',
  };
}

const IDS = { wormhole: '0x401e', blackhole: '0xb140', grayskull: '0xfaca', other: '0x1234' };

export interface CardOptions {
  readonly node?: number;
  readonly iommu?: 'DMA' | 'DMA-FQ' | 'identity';
}

/** A card on the bus that is given by its number. */
export function card(bus: number, family: keyof typeof IDS, options: CardOptions = {}): Files {
  const folder = `/sys/bus/pci/devices/0000:${bus.toString(16).padStart(2, '0')}:00.0`;
  return {
    [`${folder}/vendor`]: '0x1e52\n',
    [`${folder}/device`]: `${IDS[family]}\n`,
    [`${folder}/driver`]: { link: '../../../bus/pci/drivers/tenstorrent' },
    [`${folder}/numa_node`]: `${options.node ?? -1}\n`,
    ...(options.iommu === undefined ? {} : { [`${folder}/iommu_group/type`]: `${options.iommu}\n` }),
  };
}

export function mounted(
  options = 'rw,mode=777,pagesize=1024M',
  path = '/dev/hugepages-1G',
  type = 'hugetlbfs',
): Files {
  return {
    '/proc/self/mountinfo': `40 30 0:40 / ${path} rw,nosuid,nodev,relatime shared:2 - ${type} hugetlbfs ${options}\n`,
  };
}

export const NOT_MOUNTED: Files = { '/proc/self/mountinfo': '22 1 8:1 / / rw - ext4 /dev/sda1 rw\n' };

export const BOOT: Files = { '/proc/sys/kernel/random/boot_id': 'this-boot\n' };

/**
 * A kernel that makes as many pages on a node as there is memory in one piece.
 * @param most by the folder of the node's counters: how many it can have, and after each compaction how many more
 * @returns the numbers that were asked for and what was compacted, in their order
 */
export function kernelThatGives(
  host: Host & { put(files: Files): void },
  most: Readonly<Record<string, readonly number[]>>,
): { host: Host; asked: string[] } {
  const asked: string[] = [];
  let compactions = 0;
  const fs = {
    ...host.fs,
    get denied() {
      return host.fs.denied;
    },
    writeInPlace(path: string, text: string) {
      asked.push(
        `${path.replace(/^\/sys\/devices\/system\/node\//, '').replace(`${POOL}/`, '')} ${text.trim()}`,
      );
      if (path.endsWith('/compact') || path.endsWith('/compact_memory')) {
        compactions += 1;
        return;
      }
      const folder = path.replace(/\/nr_hugepages$/, '');
      const now = Number(host.fs.readText(path));
      const free = Number(host.fs.readText(`${folder}/free_hugepages`));
      const limits = most[folder] ?? [];
      const limit = limits[Math.min(compactions, limits.length - 1)] ?? 0;
      // What is in use stays, whatever is asked for.
      const next = Math.max(now - free, Math.min(Number(text), Math.max(now, limit)));
      host.put({
        [path]: `${next}\n`,
        [`${folder}/free_hugepages`]: `${free + next - now}\n`,
      });
    },
  };
  return { host: { ...host, fs }, asked };
}
