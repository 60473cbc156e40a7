// The machine as it is now, judged, without changing anything.
import type { Config } from '../config/config.ts';
import type { Host } from '../host/host.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judgement.ts';
import type { ConfigWarning } from './observation.ts';
import { observe } from './observe.ts';

export interface LookSettings {
  readonly config: Config;
  /** What was wrong with the configuration. */
  readonly configWarnings: readonly ConfigWarning[];
}

/** Observes and judges; what `status` shows and what a plan is made from are the same. */
export async function look(host: Host, settings: LookSettings): Promise<Judgement> {
  return judge(await observe(host, { config: settings.config, warnings: settings.configWarnings }));
}
