// From the files to one Config: later files win, and what is wrong is a problem in a list, never an exception.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { withoutPin } from '../host/without-pin.ts';
import type { Config } from './config.ts';
import { configFiles } from './files.ts';
import { type IniLine, iniLines } from './ini-lines.ts';
import { nearest } from './nearest.ts';
import { buildConfig, type PlacedSetting, SECTIONS, SETTINGS, settingName } from './schema.ts';
import { problemLines } from './show.ts';

/** A setting as it holds now. */
export interface SettingValue {
  readonly section: string;
  readonly key: string;
  /** As it is written in the file, without quotes. */
  readonly value: string;
  /** `default`, or `file:line`. */
  readonly source: string;
}

export interface ConfigProblem {
  readonly file: string;
  /** Undefined where the whole file is meant. */
  readonly line: number | undefined;
  readonly section: string | undefined;
  readonly key: string | undefined;
  /** `expected …, found …`. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly values: readonly SettingValue[];
  readonly problems: readonly ConfigProblem[];
}

/** More than these from one file say only that it is no configuration file. */
const MOST_PROBLEMS = 20;
const LONGEST_QUOTATION = 60;

/**
 * Reads the configuration of a host. Never throws for what is in the files: a line that is wrong is a
 * problem and is left out, so that a hook can go on with the rest.
 */
export function loadConfig(fs: HostFs): LoadedConfig {
  const given = new Map<string, { value: unknown; written: string; source: string }>();
  const problems: ConfigProblem[] = [];
  for (const file of configFiles(fs)) {
    if ('text' in file) {
      const reading = readFile(file.path, iniLines(file.text));
      for (const [name, found] of reading.given) given.set(name, found);
      problems.push(...limited(file.path, reading.problems));
    } else {
      const { path, expected, hint } = file;
      const message = `expected ${expected}`;
      problems.push({ file: path, line: undefined, section: undefined, key: undefined, message, hint });
    }
  }
  const values = SETTINGS.map((setting) => {
    const found = given.get(settingName(setting));
    const { section, key, written } = setting;
    return { section, key, value: found?.written ?? written, source: found?.source ?? 'default' };
  });
  const config = buildConfig(new Map([...given].map(([name, { value }]) => [name, value])));
  return { config, values, problems };
}

/**
 * The Config, for commands that must not guess.
 * @throws TtkmdError that lists every problem with file, line, key and what was expected
 */
export function requireConfig(loaded: LoadedConfig): Config {
  if (loaded.problems.length === 0) return loaded.config;
  const count = loaded.problems.length;
  throw new TtkmdError(
    'config-invalid',
    [
      `The configuration has ${count === 1 ? 'a problem' : `${count} problems`}:`,
      ...problemLines(loaded.problems),
    ].join('\n'),
    'Mend the files, then look again with: ttkmdctl config check',
    EXIT.configuration,
  );
}

interface FileReading {
  readonly given: Map<string, { value: unknown; written: string; source: string }>;
  readonly problems: ConfigProblem[];
}

function readFile(path: string, lines: readonly IniLine[]): FileReading {
  const reading: FileReading = { given: new Map(), problems: [] };
  let section: string | undefined;
  let unknownSection = false;
  for (const line of lines) {
    const complain = (key: string | undefined, message: string, hint: string): void =>
      void reading.problems.push({ file: path, line: line.line, section, key, message, hint });

    if (line.kind === 'section') {
      section = line.name;
      unknownSection = !SECTIONS.some(({ name }) => name === section);
      if (unknownSection) complain(undefined, ...aboutSection(line.name));
    } else if (line.kind === 'bad') {
      complain(line.key, `expected ${line.expected}, found ${quoted(line.text)}`, line.hint);
    } else if (section === undefined) {
      complain(line.key, ...aboutHomeless(line.key));
    } else if (!unknownSection) {
      const setting = SETTINGS.find((known) => known.section === section && known.key === line.key);
      const parsed = setting?.parser.parse(line.value);
      if (setting === undefined) complain(line.key, ...aboutKey(section, line.key));
      else if (parsed === undefined) complain(line.key, ...aboutValue(setting, line.value));
      else {
        const source = `${path}:${line.line}`;
        reading.given.set(settingName(setting), { value: parsed.value, written: line.value, source });
      }
    }
  }
  return reading;
}

function aboutSection(name: string): [message: string, hint: string] {
  const names = SECTIONS.map((section) => section.name);
  const meant = nearest(name, names);
  const message = `expected a known section, found ${quoted(`[${name}]`)}`;
  if (meant !== undefined) return [message, `Did you mean [${meant}]?`];
  return [message, `The sections are ${names.map((known) => `[${known}]`).join(', ')}.`];
}

function aboutHomeless(key: string): [message: string, hint: string] {
  const homes = SETTINGS.filter((known) => known.key === key || settingName(known) === key);
  const message = `expected a section before the first key, found ${quoted(key)}`;
  const [home] = homes;
  if (home === undefined) return [message, 'Put a line such as [driver] above it.'];
  return [message, `Put it as ${home.key} below ${sectionsOf(homes)}.`];
}

function aboutKey(section: string, key: string): [message: string, hint: string] {
  const message = `expected a key of [${section}], found ${quoted(key)}`;
  const keys = SETTINGS.filter((known) => known.section === section).map((known) => known.key);
  if (key.endsWith('[]') && keys.includes(key.slice(0, -2))) {
    return [message, `Write the whole list behind one ${key.slice(0, -2)} =, with commas between its parts.`];
  }
  const homes = SETTINGS.filter((known) => known.key === key);
  if (homes.length > 0) return [message, `${key} belongs below ${sectionsOf(homes)}.`];
  const meant = nearest(key, keys);
  if (meant !== undefined) return [message, `Did you mean ${meant}?`];
  return [message, `The keys of [${section}] are ${keys.join(', ')}.`];
}

function aboutValue(setting: PlacedSetting, value: string): [message: string, hint: string] {
  const found = value === '' ? 'nothing' : quoted(value);
  const standard = setting.written === '' ? `${setting.key} =` : `${setting.key} = ${setting.written}`;
  return [`expected ${setting.parser.expected}, found ${found}`, `The default is ${standard}`];
}

function sectionsOf(settings: readonly PlacedSetting[]): string {
  return settings.map(({ section }) => `[${section}]`).join(' or ');
}

function quoted(written: string): string {
  const text = withoutPin(written);
  const short = text.length > LONGEST_QUOTATION ? `${text.slice(0, LONGEST_QUOTATION)}…` : text;
  return `"${short.replace(/\p{Cc}/gu, '?')}"`;
}

function limited(file: string, problems: readonly ConfigProblem[]): ConfigProblem[] {
  if (problems.length <= MOST_PROBLEMS) return [...problems];
  const more = {
    file,
    line: undefined,
    section: undefined,
    key: undefined,
    message: `expected a configuration file, found ${problems.length - MOST_PROBLEMS} more problems like these`,
    hint: `See what ${file} really is; man ttkmd.conf says what belongs into it.`,
  };
  return [...problems.slice(0, MOST_PROBLEMS), more];
}
