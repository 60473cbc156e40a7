// `ttkmdctl config show` and `config check`.
import { problemLines, shownConfig, valueLines } from '../config/show.ts';
import { EXIT } from '../host/errors.ts';
import { type GlobalOptions, openContext } from './context.ts';

type ConfigOptions = GlobalOptions & { readonly json?: boolean };

/** Each setting, its value, and where it came from; what is wrong goes to standard error. */
export async function showConfig(options: ConfigOptions): Promise<number> {
  const { loaded, terminal } = openContext(options);
  if (options.json) {
    terminal.line(JSON.stringify(shownConfig(loaded.values, loaded.problems), undefined, 2));
  } else {
    for (const line of valueLines(loaded.values)) terminal.line(line);
    for (const line of problemLines(loaded.problems)) terminal.raw(`${line}\n`);
  }
  return loaded.problems.length === 0 ? EXIT.ok : EXIT.configuration;
}

/** Exit status 3 where something is wrong. */
export async function checkConfig(options: ConfigOptions): Promise<number> {
  const { loaded, terminal } = openContext(options);
  const count = loaded.problems.length;
  if (options.json) {
    terminal.line(JSON.stringify(shownConfig(loaded.values, loaded.problems), undefined, 2));
  } else if (count === 0) {
    terminal.line('the configuration is fine');
  } else {
    terminal.line(`the configuration has ${count === 1 ? 'a problem' : `${count} problems`}:`);
    for (const line of problemLines(loaded.problems)) terminal.line(line);
  }
  return count === 0 ? EXIT.ok : EXIT.configuration;
}
