// The devices on a screen: a block for each, and a line of them all for `status`.
import type { Cards, DeviceDetails } from '../driver/device-details.ts';
import type { Device, LoadedDriver } from '../driver/driver.ts';
import { holderText } from '../driver/holders.ts';
import { PACKAGE } from '../driver/sources.ts';
import { holdersOf } from '../reconcile/device-entries.ts';
import { type Terminal, wrap } from './terminal.ts';

/** Where the texts begin. */
const INDENT = 13;

/** More holders than these are told by `ttkmdctl devices` alone. */
const MOST_NAMED = 2;

/** What each part's firmware is called; that of the bundle stands for the whole. */
const PARTS: Readonly<Record<string, string>> = {
  m3app: 'M3 application',
  m3bl: 'M3 bootloader',
  arc: 'ARC',
  eth: 'Ethernet',
  ttflash: 'tt-flash',
};

const IOMMU: Readonly<Record<Device['iommu'], string>> = {
  translates: 'translates its addresses',
  pass: 'lets its addresses pass',
  none: 'none',
};

/** The lines of a device. */
export function renderDevice(
  device: DeviceDetails,
  cards: Cards,
  loaded: LoadedDriver | undefined,
  terminal: Terminal,
): string[] {
  const facts: [string, readonly string[]][] = [
    ['driver', driverTexts(device, loaded)],
    ['node', [device.deviceNode, device.byId].filter((one) => one !== undefined)],
    ['NUMA node', [device.node === undefined ? 'not told' : String(device.node)]],
    ['IOMMU', [IOMMU[device.iommu]]],
    ['firmware', firmwareTexts(device)],
    ['serial', device.serial === undefined ? [] : [device.serial]],
    ['held by', heldByTexts(device, cards)],
  ];
  return [
    `${device.address}  ${terminal.style('bold', boardText(device))}`,
    ...facts.flatMap(([name, texts]) => factLines(name, texts, terminal)),
  ];
}

function factLines(name: string, texts: readonly string[], terminal: Terminal): string[] {
  const lines = texts.flatMap((text) => {
    const [first = '', ...rest] = wrap(text, terminal.width - INDENT);
    return [first, ...rest.map((line) => (text.startsWith('→') ? `  ${line}` : line))];
  });
  return lines.map((line, index) =>
    index === 0
      ? `  ${terminal.style('dim', name.padEnd(INDENT - 4))}  ${line}`
      : `${' '.repeat(INDENT)}${line}`,
  );
}

/** `Blackhole p150a`; `Wormhole Galaxy`, which the driver calls `galaxy-wormhole`. */
export function boardText({ family, card }: Pick<DeviceDetails, 'family' | 'card'>): string {
  const board = family.charAt(0).toUpperCase() + family.slice(1);
  return card === undefined ? board : `${board} ${card.startsWith('galaxy-') ? 'Galaxy' : card}`;
}

function driverTexts({ driver, givenTo, family }: DeviceDetails, loaded: LoadedDriver | undefined): string[] {
  if (driver === PACKAGE) return [[driver, loaded?.version].filter(Boolean).join(' ')];
  if (driver === undefined && givenTo !== undefined) {
    return [`none: it is kept for ${givenTo} (driver_override), and ttkmd leaves it to that`];
  }
  if (driver !== undefined) return [`${driver}, which is not Tenstorrent's: ttkmd leaves the device to it`];
  // tt-kmd's commit "Deprecate Grayskull", first in 2.2.0.
  if (family === 'grayskull') return ['none: Grayskull is driven by tenstorrent before 2.2.0 alone'];
  return loaded === undefined
    ? ['none: tenstorrent is not loaded', '→ see why, and what to do: ttkmdctl status']
    : [
        `none: tenstorrent${loaded.version === undefined ? '' : ` ${loaded.version}`} is loaded and did not take it`,
        '→ see what it says: dmesg | grep -i tenstorrent',
      ];
}

function firmwareTexts({ firmware }: DeviceDetails): string[] {
  const { bundle, ...parts } = firmware;
  const texts = Object.entries(parts).map(([part, version]) => `${PARTS[part] ?? part} ${version}`);
  return [...(bundle === undefined ? [] : [bundle]), ...(texts.length === 0 ? [] : [texts.join(', ')])];
}

/** Only who drives it with our driver can be seen. */
function heldByTexts(device: DeviceDetails, { holders, complete }: Cards): string[] {
  if (device.driver !== PACKAGE) return [];
  const texts = holdersOf(device, holders).map(holderText);
  if (complete) return texts.length === 0 ? ['nobody'] : texts;
  const others = texts.length === 0 ? 'nobody' : 'nobody else';
  return [...texts, `${others} that can be seen here`, '→ root, outside of containers, sees all'];
}

/** For one line: `2 (Blackhole p150a, Wormhole n300), nobody holds them`. */
export function devicesText(cards: Cards, loaded: LoadedDriver | undefined): string {
  const { devices } = cards;
  if (devices.length === 0) return 'none found';
  const counts = new Map<string, number>();
  for (const text of devices.map(boardText)) counts.set(text, (counts.get(text) ?? 0) + 1);
  const boards = [...counts].map(([text, count]) => (count === 1 ? text : `${count} × ${text}`));
  const isOurs = loaded !== undefined && devices.some(({ driver }) => driver === PACKAGE);
  return `${devices.length} (${boards.join(', ')})${isOurs ? `, ${holdingText(cards, loaded)}` : ''}`;
}

/** For a line below it: `0000:02:00.0 is given to vfio-pci, and left to it`; undefined where all are ours to drive. */
export function givenAwayText({ devices }: Pick<Cards, 'devices'>): string | undefined {
  const away = devices.filter(({ givenTo }) => givenTo !== undefined);
  const [first, ...others] = away;
  if (first === undefined) return undefined;
  const names = [...new Set(away.map(({ givenTo }) => givenTo))];
  const who = others.length === 0 ? `${first.address} is` : `${away.length} are`;
  return `${who} given to ${names.join(' and ')}, and left to ${names.length === 1 ? 'it' : 'them'}`;
}

function holdingText({ devices, holders, complete }: Cards, { users }: LoadedDriver): string {
  if (holders.length === 0) {
    if (users === 0) return `nobody holds ${devices.length === 1 ? 'it' : 'them'}`;
    return complete ? 'in use, by what is no process' : 'in use, and by whom cannot be seen here';
  }
  const named =
    holders.length > MOST_NAMED
      ? `${holders.length} processes, see: ttkmdctl devices`
      : holders.map(holderText).join(' and ');
  return `held by ${named}${complete ? '' : ', and maybe by others'}`;
}
