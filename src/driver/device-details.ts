// What a card tells of itself through its driver: its node in /dev, what is printed on it, its firmware.
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { PCI_DEVICES } from './devices.ts';
import type { Device } from './driver.ts';
import { type Holders, observeHolders } from './holders.ts';
import { PACKAGE } from './sources.ts';

/** Whose version an attribute tells. `bundle` is what was flashed as a whole; the last four only Wormhole tells. */
export const FIRMWARE = {
  bundle: 'tt_fw_bundle_ver',
  m3app: 'tt_m3app_fw_ver',
  m3bl: 'tt_m3bl_fw_ver',
  arc: 'tt_arc_fw_ver',
  eth: 'tt_eth_fw_ver',
  ttflash: 'tt_ttflash_ver',
} as const;

/** Undefined is what sysfs does not tell: of another driver's device nothing, and not every firmware knows all. */
export interface DeviceDetails extends Device {
  /** As the driver calls it, e.g. `p150a`, `n300` or `galaxy-wormhole`. */
  readonly card: string | undefined;
  /** `/dev/tenstorrent/0`, where it is there. */
  readonly deviceNode: string | undefined;
  /** The link to it that names the card, whatever order the cards are found in. */
  readonly byId: string | undefined;
  /** The board's. */
  readonly serial: string | undefined;
  /** The chip's; a board may have several. */
  readonly asicId: string | undefined;
  readonly firmware: Readonly<Record<string, string>>;
}

/** The devices in detail, and who holds them. */
export interface Cards extends Holders {
  readonly devices: readonly DeviceDetails[];
}

/**
 * For people and documents; no decision depends on it. A card that is being reset lets its readers wait.
 * @param devices as `observeDevices` gives them
 * @param holders where they are known already: to look for them is to look at every process
 */
export function observeCards(
  host: Pick<Host, 'fs' | 'machine'>,
  devices: readonly Device[],
  holders = observeHolders(host),
): Cards {
  const links = devices.length === 0 ? new Map<string, string>() : linksById(host.fs);
  return { devices: devices.map((device) => describe(host.fs, device, links)), ...holders };
}

/**
 * The attributes lie in the folder of the node, which is there with the driver: docs/sysfs-attributes.md and
 * telemetry.c of tt-kmd, the same from 1.28 to 2.10. Which of them are there depends on the firmware.
 */
function describe(fs: HostFs, device: Device, links: ReadonlyMap<string, string>): DeviceDetails {
  const parent = `${PCI_DEVICES}/${device.address}/${PACKAGE}`;
  const name = fs.list(parent).find((one) => /^tenstorrent!\d+$/.test(one));
  const told = (attribute: string): string | undefined =>
    name === undefined ? undefined : value(fs, `${parent}/${name}/${attribute}`);
  // sysfs writes the slash in a name as an exclamation mark.
  const node = `/dev/${name?.replace('!', '/')}`;
  const isThere = name !== undefined && fs.exists(node);
  return {
    ...device,
    card: told('tt_card_type'),
    deviceNode: isThere ? node : undefined,
    byId: isThere ? links.get(node) : undefined,
    serial: told('tt_serial'),
    asicId: told('tt_asic_id'),
    firmware: Object.fromEntries(
      Object.entries(FIRMWARE).flatMap(([part, attribute]) => {
        const version = told(attribute);
        return version === undefined ? [] : [[part, version]];
      }),
    ),
  };
}

/** What a card that hangs or fell off the bus answers, all ones, and what the driver says of a type that it does not know. */
const UNTOLD = /^(?:F{16}|255\.255\.255\.255|255\.15\.4095|unknown|)$/i;

function value(fs: HostFs, path: string): string | undefined {
  try {
    const text = fs.readText(path)?.trim() ?? '';
    return UNTOLD.test(text) ? undefined : text;
  } catch {
    // The driver gives ENODATA while a card is set up anew, and what else a card may not answer is no failure of ours.
    return undefined;
  }
}

/** Nodes with the links that udev's rule makes for them. */
function linksById(fs: HostFs): ReadonlyMap<string, string> {
  const folder = '/dev/tenstorrent/by-id';
  return new Map(
    fs.list(folder).flatMap((name) => {
      const number = /^(?:\.\.|\/dev\/tenstorrent)\/(\d+)$/.exec(fs.readLink(`${folder}/${name}`) ?? '')?.[1];
      return number === undefined ? [] : [[`/dev/tenstorrent/${number}`, `${folder}/${name}`] as const];
    }),
  );
}
