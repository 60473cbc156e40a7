// What the running kernel, the firmware and the boot loader's files say of signatures.
import type { HostFs } from '../host/fs.ts';
import type { MachineSigning } from './signing.ts';

const EFI = '/sys/firmware/efi';
/** Variables of the firmware's own and of shim, which keeps the lists of the machine's owner. */
const OF_FIRMWARE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const OF_SHIM = '605dab50-e046-4300-abb6-3dd810dd8b23';
const OF_IMAGES = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';

/** Where the words stand that a kernel will be booted with. */
const COMMAND_LINES = ['/proc/cmdline', '/etc/kernel/cmdline', '/usr/lib/kernel/cmdline'];

const WORD = /^(?:module\.sig_enforce(?:=.*)?|lockdown=.*|ima_policy=.*|ima_appraise=enforce)$/;

const NOTHING: MachineSigning = {
  efi: undefined,
  secureBoot: undefined,
  lockdown: undefined,
  enforcing: undefined,
  words: [],
};

/** @param elsewhere the system is looked at from outside: what runs here says nothing of it */
export function observeMachine(fs: HostFs, elsewhere: boolean): MachineSigning {
  if (elsewhere) return { ...NOTHING, words: commandLineWords(fs, COMMAND_LINES.slice(1)) };
  const enforce = fs.readText('/sys/module/module/parameters/sig_enforce')?.trim();
  const efi = fs.exists(EFI);
  return {
    efi,
    secureBoot: efi ? isOn(fs, `SecureBoot-${OF_FIRMWARE}`) : false,
    checksOff: isOn(fs, `MokSBStateRT-${OF_SHIM}`) === true,
    lockdown: /\[(\w+)\]/.exec(fs.readText('/sys/kernel/security/lockdown') ?? '')?.[1],
    enforcing: enforce === undefined ? undefined : enforce === 'Y',
    words: commandLineWords(fs, COMMAND_LINES),
  };
}

/** Four bytes of attributes come before the value. */
function isOn(fs: HostFs, variable: string): boolean | undefined {
  const value = fs.readBytes(`${EFI}/efivars/${variable}`);
  return value === undefined ? undefined : value[4] === 1;
}

function commandLineWords(fs: HostFs, files: readonly string[]): MachineSigning['words'] {
  const found = files.flatMap((place) =>
    (fs.readText(place) ?? '').split(/\s+/).map((word) => ({ word, place })),
  );
  const place = '/etc/default/grub';
  const ofGrub = [...(fs.readText(place) ?? '').matchAll(/^\s*GRUB_CMDLINE_LINUX\w*=(["']?)(.*)\1/gm)]
    .flatMap(([, , line = '']) => line.split(/\s+/))
    .map((word) => ({ word, place }));
  return [...found, ...ofGrub].filter(({ word }) => WORD.test(word));
}

export type Enrolment =
  /** It is on the list of the machine's owner. */
  | 'enrolled'
  /** It is on the list of the firmware. */
  | 'firmware'
  | 'pending'
  | 'absent'
  | 'unknown';

/** The lists of certificates, as they are kept. */
export interface FirmwareLists {
  readonly owners: readonly Buffer[];
  readonly firmware: readonly Buffer[];
  readonly pending: readonly Buffer[];
  /** Something of them could not be read. */
  readonly hidden: boolean;
}

/** Undefined where nothing tells. The firmware answers slowly, and mere users slower still: it is asked once. */
export function readFirmwareLists(fs: HostFs, { efi }: MachineSigning): FirmwareLists | undefined {
  if (efi === undefined) return undefined;
  if (!efi) return { owners: [], firmware: [], pending: [], hidden: false };
  const folder = `${EFI}/efivars`;
  const names = fs.list(folder);
  const read = (...paths: readonly string[]): Buffer[] => paths.flatMap((path) => fs.readBytes(path) ?? []);
  // Shim cuts a long list into several.
  const lists = names.filter((name) => name.endsWith(OF_SHIM) && /^MokListRT\d*-/.test(name));
  return {
    owners: read(...lists.map((name) => `${folder}/${name}`), `${EFI}/mok-variables/MokListRT`),
    firmware: read(`${folder}/db-${OF_IMAGES}`),
    pending: read(`${folder}/MokNew-${OF_SHIM}`),
    hidden: names.length === 0 || [...fs.denied].some((path) => path.startsWith(EFI)),
  };
}

/** Whether the firmware knows a certificate. Its lists hold certificates as they are. */
export function enrolmentOf(lists: FirmwareLists | undefined, raw: Buffer): Enrolment {
  if (lists === undefined) return 'unknown';
  const isIn = (list: readonly Buffer[]): boolean => list.some((one) => one.includes(raw));
  if (isIn(lists.owners)) return 'enrolled';
  if (isIn(lists.firmware)) return 'firmware';
  if (isIn(lists.pending)) return 'pending';
  return lists.hidden ? 'unknown' : 'absent';
}
