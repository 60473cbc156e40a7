// How many pages of 1 GiB the devices and the settings ask for, node by node. Pure.
import type { Config } from '../config/config.ts';
import { awayNote, homeNotes } from './demand-notes.ts';
import type { Demand, HugepageNode, Override } from './hugepages.ts';

/** What counts of a device. */
export interface FedDevice {
  readonly family: string;
  /** Undefined where the machine names none. */
  readonly node: number | undefined;
  readonly iommu: 'translates' | 'pass' | 'none';
}

export interface DemandInput {
  readonly settings: Config['hugepages'];
  readonly devices: readonly FedDevice[];
  /** How many more there are that another driver has: whoever uses those feeds them. */
  readonly away?: number;
  readonly nodes: readonly HugepageNode[];
  readonly override: Override | undefined;
  readonly driverVersion: string | undefined;
}

/** Upstream's file with a total, which wins over its script's own numbers. */
export const OVERRIDE_PATH = '/opt/tenstorrent/bin/hugepages-override.txt';

/** From this driver on, a device behind an IOMMU that translates is fed from any memory. */
const [IOMMU_MAJOR, IOMMU_MINOR] = [1, 29];

/** The pages of each node, where they come from, and what is not as one would expect. */
export function demandOf(input: DemandInput): Demand {
  const { settings, devices, nodes, away = 0 } = input;
  const nothing = nodes.map(() => 0);
  if (settings.mode === 'off') return { pages: nothing, total: 0, why: 'hugepages.mode is off', notes: [] };
  const homes = devices.map(({ node }) => homeOf(node, nodes));
  const fed = isFedByIommu(input) ? { pages: nothing, ...iommuReason(input) } : forDevices(input, homes);
  const extra = settings.extraPages === 0 ? nothing : spread(settings.extraPages, workplaces(nodes, homes));
  const pages = fed.pages.map((count, index) => count + (extra[index] ?? 0));
  const extraText = settings.extraPages === 0 ? [] : [`hugepages.extra_pages = ${settings.extraPages}`];
  return {
    pages,
    total: pages.reduce((sum, count) => sum + count, 0),
    why: [fed.why, ...extraText].join('; '),
    notes: [
      ...fed.notes,
      ...overrideNotes(input),
      ...(fed.pages === nothing ? [] : homeNotes(devices, nodes, homes)),
      ...(away === 0 || devices.length === 0 ? [] : [awayNote(away)]),
    ],
  };
}

interface Share {
  readonly pages: readonly number[];
  readonly why: string;
  readonly notes: readonly string[];
}

/** Whoever has written upstream's file is to know that it does nothing. */
function overrideNotes(input: DemandInput): string[] {
  const { settings, devices, override } = input;
  if (override?.pages === undefined) return [];
  const left = (why: string): string[] => [
    `${OVERRIDE_PATH} says ${override.pages}, and is left out: ${why}`,
  ];
  if (devices.length === 0) return left('there is no device that it could be for');
  if (isFedByIommu(input)) return left('no device needs any');
  return settings.total === undefined ? [] : left('hugepages.total wins');
}

function forDevices(
  { settings, devices, away = 0, nodes, override }: DemandInput,
  homes: readonly number[],
): Share {
  const given = givenTotal(settings, override);
  if (devices.length === 0) {
    // Upstream's file is for the devices alone; a setting of ours may be meant for those that are to come.
    const total = settings.total ?? 0;
    const none = away === 0 ? 'there is no device' : 'every device is given to another driver';
    const why = settings.total === undefined ? none : `hugepages.total = ${total}, without a device`;
    return { pages: spread(total, workplaces(nodes, homes)), why, notes: [] };
  }
  if (given !== undefined) {
    // Divided as upstream does it: what is left over is left out.
    const each = Math.floor(given.pages / devices.length);
    const rest = given.pages - each * devices.length;
    const left = `${given.pages} pages among ${devices.length} devices are ${each} for each; ${rest} ${rest === 1 ? 'is' : 'are'} left out`;
    return {
      pages: sumByHome(nodes, homes, () => each),
      why: `${given.name} = ${given.pages}, ${each} for each device`,
      notes: rest === 0 ? [] : [left],
    };
  }
  const families = [...new Set(devices.map(({ family }) => family))];
  const known = families.filter((family) => pagesFor(settings, family) !== undefined);
  const parts = known.map((family) => `${pagesFor(settings, family)} for each ${capitalized(family)}`);
  return {
    pages: sumByHome(nodes, homes, (index) => pagesFor(settings, devices[index]?.family) ?? 0),
    why: parts.join(', ') || 'nothing is known of what these devices need',
    notes: families
      .filter((family) => !known.includes(family))
      .map(
        (family) => `how many pages a device of the kind "${family}" needs is not known: none are counted`,
      ),
  };
}

/** A total that somebody has set: ours before upstream's. */
function givenTotal(
  settings: Config['hugepages'],
  override: Override | undefined,
): { readonly pages: number; readonly name: string } | undefined {
  if (settings.total !== undefined) return { pages: settings.total, name: 'hugepages.total' };
  return override?.pages === undefined ? undefined : { pages: override.pages, name: OVERRIDE_PATH };
}

function pagesFor(settings: Config['hugepages'], family: string | undefined): number | undefined {
  switch (family) {
    case 'wormhole':
      return settings.wormhole;
    case 'blackhole':
      return settings.blackhole;
    case 'grayskull':
      return settings.grayskull;
    default:
      return undefined;
  }
}

function isFedByIommu({ settings, devices, driverVersion }: DemandInput): boolean {
  if (settings.mode !== 'auto' || devices.length === 0) return false;
  return devices.every(({ iommu }) => iommu === 'translates') && canUseIommu(driverVersion);
}

function canUseIommu(version: string | undefined): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  if (major === undefined || minor === undefined) return false;
  return Number(major) > IOMMU_MAJOR || (Number(major) === IOMMU_MAJOR && Number(minor) >= IOMMU_MINOR);
}

function iommuReason({ driverVersion }: DemandInput): Omit<Share, 'pages'> {
  const why = `the IOMMU translates for every device, and driver ${driverVersion} needs none then (hugepages.mode = auto)`;
  return { why, notes: [] };
}

/** The index of the node that a device's pages are taken from: its own, or the next one that has memory. */
function homeOf(node: number | undefined, nodes: readonly HugepageNode[]): number {
  const number = node ?? 0;
  const fit = nodes.findIndex((one) => (one.node ?? 0) >= number && one.memory > 0);
  return fit >= 0
    ? fit
    : Math.max(
        0,
        nodes.findIndex(({ memory }) => memory > 0),
      );
}

/** Where programs would have their pages: beside the devices, or where there are none, wherever memory is. */
function workplaces(nodes: readonly HugepageNode[], homes: readonly number[]): boolean[] {
  if (homes.length > 0) return nodes.map((_, index) => homes.includes(index));
  const anyMemory = nodes.some(({ memory }) => memory > 0);
  return nodes.map(({ memory }) => memory > 0 || !anyMemory);
}

/** Evenly; what does not divide goes to the first ones. */
function spread(count: number, places: readonly boolean[]): number[] {
  const among = places.filter(Boolean).length;
  let rest = count % among;
  return places.map((isPlace) => {
    if (!isPlace) return 0;
    const more = rest > 0 ? 1 : 0;
    rest -= more;
    return Math.floor(count / among) + more;
  });
}

function sumByHome(
  nodes: readonly HugepageNode[],
  homes: readonly number[],
  pagesOf: (device: number) => number,
): number[] {
  return nodes.map((_, index) =>
    homes.reduce((sum, home, device) => (home === index ? sum + pagesOf(device) : sum), 0),
  );
}

function capitalized(family: string): string {
  return `${family.charAt(0).toUpperCase()}${family.slice(1)}`;
}
