// What every command starts from: the host that the options name, and its configuration.
import type { Config } from '../config/config.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { placedProblem } from '../config/show.ts';
import type { Host } from '../host/host.ts';
import { localHost } from '../host/local-host.ts';
import type { ConfigWarning } from '../reconcile/observation.ts';
import { stdoutTerminal, type Terminal } from './terminal.ts';

export interface GlobalOptions {
  readonly root: string;
}

export interface Context {
  readonly host: Host;
  readonly loaded: LoadedConfig;
  readonly config: Config;
  readonly configWarnings: readonly ConfigWarning[];
  readonly terminal: Terminal;
}

/** The host, its configuration with what is wrong in it, and the terminal. */
export function openContext(options: GlobalOptions): Context {
  const host = localHost(options.root);
  const loaded = loadConfig(host.fs);
  return {
    host,
    loaded,
    config: loaded.config,
    configWarnings: loaded.problems.map(placedProblem),
    terminal: stdoutTerminal(),
  };
}
