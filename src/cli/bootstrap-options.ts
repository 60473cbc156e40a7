// From the options of `ttkmdctl bootstrap` to what was chosen.
import { resolve } from 'node:path';
import { type Choices, type PythonWay, parseSteps } from '../bootstrap/choices.ts';
import { parseVersions, releasedVersions, type Versions } from '../bootstrap/versions.ts';
import type { PackageFolder } from '../deploy/package.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { openFolder } from '../host/local-host.ts';
import { quoted } from '../host/shell-word.ts';
import type { GlobalOptions } from './context.ts';

export interface BootstrapOptions extends GlobalOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly list?: boolean;
  readonly with?: string;
  readonly without?: string;
  readonly only?: string;
  readonly kmdSource?: string;
  readonly versions?: string;
  readonly export?: string;
  readonly mirror?: string;
  readonly python?: PythonWay;
  readonly getbinpkg?: boolean;
  readonly updateFirmware?: boolean;
  readonly reboot: 'ask' | 'never' | 'always';
}

/** The word that `--versions` takes instead of a file. */
export const LATEST = 'latest';

/** Options that take a word, or words. */
const WITH_VALUE = ['with', 'without', 'only', 'kmdSource', 'versions', 'export', 'mirror'] as const;

/**
 * A script's variable that was not set would mean all steps, or the folder that somebody is in.
 * @throws TtkmdError that names the option
 */
export function insistOnValues(options: BootstrapOptions): void {
  const empty = WITH_VALUE.find((name) => options[name] !== undefined && /^[\s,]*$/.test(options[name]));
  if (empty === undefined) return;
  const option = `--${empty.replace('S', '-s')}`;
  throw usage(
    `${option} names nothing.`,
    `Leave ${option} out, or say what: ttkmdctl help bootstrap lists what it takes.`,
  );
}

/** @throws TtkmdError where the file cannot be read or understood */
export function chosenVersions({ versions, mirror }: BootstrapOptions): Versions {
  // What the publishers have is asked when it is known which steps need it.
  if (versions === LATEST) return releasedVersions();
  if (versions !== undefined) return parseVersions(readOutside(versions), versions);
  // A folder that was filled elsewhere brings what it was filled with.
  const kept = mirror === undefined || isAddress(mirror) ? undefined : `${resolve(mirror)}/versions.json`;
  const text = kept === undefined ? undefined : openFolder('/').readText(kept);
  return text === undefined || kept === undefined ? releasedVersions() : parseVersions(text, kept);
}

export function choicesFrom(
  options: BootstrapOptions,
  versions: Versions,
  from: Pick<PackageFolder, 'kind'>,
  folder: string,
): Choices {
  const { machine } = versions;
  const list = (text: string | undefined) => (text === undefined ? [] : parseSteps(text));
  const only = list(options.only);
  return {
    with: list(options.with),
    without: list(options.without),
    only: only.length > 0 ? only : (machine?.steps ?? []),
    kmdSource: kmdSource(options.kmdSource ?? machine?.kmdSource),
    python: options.python ?? machine?.python ?? 'pipx',
    activeEnvironment: process.env.VIRTUAL_ENV || undefined,
    mirror: options.mirror === undefined ? undefined : mirror(options.mirror),
    updateFirmware: (options.updateFirmware ?? false) || (machine?.steps.includes('firmware') ?? false),
    getBinaryPackages: options.getbinpkg ?? false,
    user: process.env.SUDO_USER || undefined,
    package: from.kind === 'installed' ? undefined : folder,
  };
}

function mirror(given: string): string {
  if (given.includes('://')) {
    if (isAddress(given)) return given;
    throw usage(`${given} is no http or https address.`, 'Give --mirror a folder, or http(s)://HOST/PATH.');
  }
  const path = resolve(given);
  if (openFolder('/').stat(path)?.kind === 'folder') return path;
  throw usage(
    `There is no folder ${path}, which is to be the mirror.`,
    `Where there is a network, this fills one: ttkmdctl bootstrap fetch ${quoted(given)}`,
  );
}

function kmdSource(given: string | undefined): string | undefined {
  if (given === undefined || given === 'ebuild') return given;
  if (/^(?:https?|ssh|git|file):\/\//.test(given)) {
    // What begins with a dash would be an option of git's.
    if (/#[^-]/.test(given)) return given;
    throw usage(`${given} names no tag.`, 'Write it behind the address: https://…/tt-kmd.git#ttkmd-2.10.0');
  }
  const path = resolve(given);
  if (openFolder('/').exists(path)) return path;
  if (/^[\w.-]+@[\w.-]+:/.test(given)) {
    const [where = '', rest = ''] = given.split(/:(.*)/s);
    throw usage(`${given} is no address.`, `Write it as ssh://${where}/${rest}`);
  }
  throw usage(
    `There is no ${path}, which tt-kmd is to come from.`,
    'Bring it there, or give --kmd-source a folder, a tarball, URL#TAG or ebuild.',
  );
}

function isAddress(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}

function readOutside(path: string): string {
  const text = openFolder('/').readText(resolve(path));
  if (text !== undefined) return text;
  throw usage(`${path} cannot be read.`, 'Give --versions a file that ttkmdctl bootstrap --export wrote.');
}

function usage(message: string, hint: string): TtkmdError {
  return new TtkmdError('bootstrap-usage', message, hint, EXIT.usage);
}
