// The settings as lists that loading, showing, the shipped file and the manual are all made from.
import type { Config } from './config.ts';
import { type Setting, TABLE } from './settings-table.ts';

/** A setting with its place, in the file and in Config. */
export interface PlacedSetting extends Setting {
  readonly section: string;
  readonly field: string;
}

/** The sections in their order, each with what it is about. */
export const SECTIONS: readonly { readonly name: string; readonly description: string }[] = Object.entries(
  TABLE,
).map(([name, section]) => ({ name, description: section.description }));

/** All settings in their order. */
export const SETTINGS: readonly PlacedSetting[] = Object.entries(TABLE).flatMap(([section, { settings }]) =>
  Object.entries(settings).map(([field, entry]: [string, Setting]) => ({ ...entry, section, field })),
);

/**
 * A complete Config.
 * @param given values by `section.key`; where one is missing the default stands
 */
export function buildConfig(given: ReadonlyMap<string, unknown>): Config {
  const config: Record<string, Record<string, unknown>> = {};
  for (const entry of SETTINGS) {
    const name = settingName(entry);
    const value = given.has(name) ? given.get(name) : entry.parser.parse(entry.written)?.value;
    config[entry.section] = { ...config[entry.section], [entry.field]: value };
  }
  // The table's type pairs every field of Config with a parser of that field's type.
  return config as unknown as Config;
}

/** What holds where nobody set anything. */
export function defaultConfig(): Config {
  return buildConfig(new Map());
}

/** How a setting is called in messages, e.g. `hook.time_limit`. */
export function settingName({ section, key }: { readonly section: string; readonly key: string }): string {
  return `${section}.${key}`;
}
