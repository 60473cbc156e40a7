// Looks at the pages of 1 GiB, their mount and the settings of others; a few small files.
import type { Config } from '../config/config.ts';
import { bootIdentity } from '../host/boot-identity.ts';
import type { HostFs } from '../host/fs.ts';
import { OVERRIDE_PATH } from './demand.ts';
import type { Failed, HugepageNode, Lack, ObservedHugepages, ObservedMount, Override } from './hugepages.ts';
import { differencesOf, mountAt, wantedOptions } from './mount-table.ts';
import { enabledUpstreamUnits } from './upstream.ts';

const NODES = '/sys/devices/system/node';
const MEMORY_MANAGEMENT = '/sys/kernel/mm';
const COUNTERS = 'hugepages/hugepages-1048576kB';

/** Pages that we have had allocated, and in which boot: the next one begins with none. */
export interface AskedPages {
  readonly boot: string;
  /** By the name of the node. */
  readonly pages: Readonly<Record<string, number>>;
}

export interface LookAround {
  readonly settings: Config['hugepages'];
  readonly arch: string;
  readonly asked: AskedPages | undefined;
  /** What could not be had, and in which boot; undefined where nothing is remembered. */
  readonly failed?: (Failed & { readonly boot: string }) | undefined;
  readonly driverVersion: string | undefined;
  /** What a network brings is not there yet, and who asks for it may have the network wait for him. */
  readonly early?: boolean;
}

export function observeHugepages(fs: HostFs, around: LookAround): ObservedHugepages {
  const { settings, asked, failed, driverVersion, early = false } = around;
  const nodes = observeNodes(fs);
  const boot = bootIdentity(fs);
  const isOurs = asked !== undefined && asked.boot === boot;
  return {
    nodes,
    lack: nodes.some(({ folder }) => folder !== undefined) ? undefined : lackOfPages(fs, around.arch),
    override: early && mountsOnDemand(fs, OVERRIDE_PATH) ? undefined : observeOverride(fs),
    mount: observeMount(fs, settings),
    // As sd_booted(3) has it: another init starts none of them.
    upstreamUnits: fs.exists('/run/systemd/system') ? enabledUpstreamUnits(fs) : [],
    asked: isOurs ? asked.pages : {},
    failed: failed?.boot === boot ? failed : { nodes: {} },
    // Only who gives pages back has to know.
    reserved: isOurs ? number(fs, `${MEMORY_MANAGEMENT}/${COUNTERS}/resv_hugepages`) : 0,
    driverVersion,
  };
}

function observeNodes(fs: HostFs): HugepageNode[] {
  const numbers = fs
    .list(NODES)
    .flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  if (numbers.length === 0) {
    const text = fs.readText('/proc/meminfo') ?? '';
    return [
      {
        node: undefined,
        ...readCounters(fs, `${MEMORY_MANAGEMENT}/${COUNTERS}`),
        memory: bytes(text, 'MemTotal'),
        available: bytes(text, 'MemAvailable'),
      },
    ];
  }
  return numbers.map((node) => {
    const text = fs.readText(`${NODES}/node${node}/meminfo`) ?? '';
    // Nodes have no MemAvailable; these are what the kernel's own is made from.
    const available = ['MemFree', 'Active(file)', 'Inactive(file)', 'SReclaimable'];
    return {
      node,
      ...readCounters(fs, `${NODES}/node${node}/${COUNTERS}`),
      memory: bytes(text, 'MemTotal'),
      available: available.reduce((sum, name) => sum + bytes(text, name), 0),
    };
  });
}

/** The counters in a folder of sysfs as they are now. */
export function readCounters(
  fs: HostFs,
  folder: string,
): Pick<HugepageNode, 'folder' | 'allocated' | 'free'> {
  if (fs.readText(`${folder}/nr_hugepages`) === undefined) {
    return { folder: undefined, allocated: 0, free: 0 };
  }
  // Surplus pages go by themselves when their users do: they are nobody's to count on.
  const surplus = number(fs, `${folder}/surplus_hugepages`);
  const allocated = Math.max(0, number(fs, `${folder}/nr_hugepages`) - surplus);
  return { folder, allocated, free: Math.min(allocated, number(fs, `${folder}/free_hugepages`)) };
}

function number(fs: HostFs, path: string): number {
  return Number(fs.readText(path)?.trim() || '0') || 0;
}

/** A line such as `Node 0 MemFree:  123 kB`. */
function bytes(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.includes(` ${name}:`) || one.startsWith(`${name}:`));
  return Number(/(\d+) kB$/.exec(line ?? '')?.[1] ?? 0) * 1024;
}

/** Whether to look at a path would have the system mount a folder on the way to it. */
function mountsOnDemand(fs: HostFs, path: string): boolean {
  const table = fs.readText('/proc/self/mountinfo') ?? '';
  const folders = path.split('/').map((_, depth, names) => names.slice(0, depth).join('/'));
  return folders.some((folder) => mountAt(table, folder)?.type === 'autofs');
}

function observeOverride(fs: HostFs): Override | undefined {
  const text = fs.readText(OVERRIDE_PATH)?.trim();
  if (text === undefined) return undefined;
  return { text: text.slice(0, 40), pages: /^\d{1,5}$/.test(text) ? Number(text) : undefined };
}

function lackOfPages(fs: HostFs, arch: string): Lack {
  if (!fs.exists(MEMORY_MANAGEMENT)) {
    return {
      text: `${MEMORY_MANAGEMENT} is missing: sysfs is not mounted here`,
      hint: 'mount it: mount -t sysfs sysfs /sys',
    };
  }
  if (!fs.exists(`${MEMORY_MANAGEMENT}/hugepages`)) {
    return {
      text: 'this kernel has no hugepages: CONFIG_HUGETLBFS is off',
      hint: 'set CONFIG_HUGETLBFS=y in its configuration and build the kernel again',
    };
  }
  if (arch === 'x86_64' && fs.readText('/proc/cpuinfo')?.includes(' pdpe1gb') === false) {
    return {
      text: 'this processor has no pages of 1 GiB: it lacks the feature pdpe1gb',
      hint: 'in a virtual machine, have it show the processor of its host, or pdpe1gb; else set hugepages.mode = off',
    };
  }
  return {
    text: 'this kernel makes pages of 1 GiB at boot only: CONFIG_CONTIG_ALLOC is off, and its command line asks for none',
    hint: 'set CONFIG_COMPACTION=y and CONFIG_MIGRATION=y in its configuration, or ask for them on its command line',
  };
}

function observeMount(fs: HostFs, settings: Config['hugepages']): ObservedMount {
  const path = settings.mount.replace(/(?<=.)\/+$/, '');
  const found = mountAt(fs.readText('/proc/self/mountinfo') ?? '', fs.realPath(path) ?? path);
  const group = groupNumber(fs, settings.mountGroup);
  return {
    path,
    found,
    differences: found === undefined || group === undefined ? [] : differencesOf(found, settings, group),
    obstacle: group === undefined ? noGroup(settings) : found === undefined ? inTheWay(fs, path) : undefined,
    options: wantedOptions(settings, group ?? 0),
  };
}

function groupNumber(fs: HostFs, name: string | undefined): number | undefined {
  if (name === undefined) return 0;
  if (/^\d+$/.test(name)) return Number(name);
  const line = fs
    .readText('/etc/group')
    ?.split('\n')
    .find((one) => one.startsWith(`${name}:`));
  const text = line?.split(':')[2];
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

function noGroup({ mountGroup }: Config['hugepages']): Lack {
  return {
    text: `/etc/group knows no group ${mountGroup}, which hugepages.mount_group names`,
    hint: `make it: groupadd --system ${mountGroup}; or write the group's number there`,
  };
}

/** What is there already is not hidden by a mount. */
function inTheWay(fs: HostFs, path: string): Lack | undefined {
  const there = fs.stat(path);
  if (there === undefined) return undefined;
  const hint = `move it away, or have the pages mounted elsewhere: hugepages.mount`;
  if (there.kind !== 'folder') return { text: `${path} is there, and is no folder`, hint };
  const [first, ...others] = fs.list(path);
  if (first === undefined) return undefined;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return { text: `${path} is not empty: it holds ${first}${more}`, hint };
}
