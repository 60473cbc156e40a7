// The settings and what is wrong with them, as lines for people and as objects for programs.
import { withoutPin } from '../host/without-pin.ts';
import type { ConfigProblem, SettingValue } from './load.ts';
import { settingName } from './schema.ts';

export interface ConfigShown {
  readonly schema: 1;
  readonly settings: readonly {
    readonly setting: string;
    readonly value: string;
    readonly source: string;
  }[];
  readonly problems: readonly ConfigProblem[];
}

/** One line a setting: its name, its value, and where it came from. */
export function valueLines(values: readonly SettingValue[]): string[] {
  const rows = values.map(
    (value) => [settingName(value), withoutPin(value.value) || '–', value.source] as const,
  );
  const name = Math.max(...rows.map(([text]) => text.length), 0);
  // One long list of patterns must not push every source off the screen.
  const value = Math.max(...rows.map(([, text]) => text.length).filter((length) => length <= 30), 0);
  return rows.map(([a, b, c]) => `${a.padEnd(name)}  ${b.padEnd(value)}  ${c}`);
}

/** Two lines a problem: where and what was expected, and what to do. */
export function problemLines(problems: readonly ConfigProblem[]): string[] {
  return problems.flatMap((problem) => [`  ${problemLine(problem)}`, `  → ${problem.hint}`]);
}

/** A problem in one line, for a log: `file:line: [section] key: expected …`. */
export function problemLine(problem: ConfigProblem): string {
  const { place, message } = placedProblem(problem);
  return `${place}: ${message}`;
}

/** A problem apart from its place, with the setting that it is about. */
export function placedProblem({ file, line, section, key, message, hint }: ConfigProblem): {
  place: string;
  message: string;
  hint: string;
} {
  const place = line === undefined ? file : `${file}:${line}`;
  const setting = key === undefined ? '' : `${section === undefined ? '' : `[${section}] `}${key}: `;
  return { place, message: `${setting}${message}`, hint };
}

/** What `--json` prints, for `config show` and `config check` alike. */
export function shownConfig(
  values: readonly SettingValue[],
  problems: readonly ConfigProblem[],
): ConfigShown {
  const settings = values.map((value) => ({
    setting: settingName(value),
    value: withoutPin(value.value),
    source: value.source,
  }));
  return { schema: 1, settings, problems };
}
