// The machine as it is now, judged, without changing anything.
import type { Config } from '../config/config.ts';
import { type Cards, observeCards } from '../driver/device-details.ts';
import type { Host } from '../host/host.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judgement.ts';
import type { ConfigWarning } from './observation.ts';
import { type HolderSight, observe } from './observe.ts';
import { observeEarly } from './observe-early.ts';

export interface LookSettings {
  readonly config: Config;
  /** What was wrong with the configuration. */
  readonly configWarnings: readonly ConfigWarning[];
  /** Nobody said that a kernel is complete: trees that are still being written are told. */
  readonly unannounced?: boolean;
  /** The machine boots, and hugepages alone are of interest: what is not needed for them is not even touched. */
  readonly early?: boolean;
  /** Whether it is looked who holds a device; unless told, where a reload is due. */
  readonly holders?: HolderSight | undefined;
}

/** What documents and screens tell of the devices beyond what was judged: nothing in a chroot, where none are judged. */
export function cardsOf(host: Host, { observation, devices }: Judgement): Cards {
  return observation.chrooted
    ? { devices: [], holders: [], complete: true }
    : observeCards(host, devices, observation.holders);
}

/** Observes and judges; what `status` shows and what a plan is made from are the same. */
export async function look(host: Host, settings: LookSettings): Promise<Judgement> {
  const { config, configWarnings: warnings, unannounced = false, early = false, holders } = settings;
  if (early) return judge(await observeEarly(host, { config, warnings }));
  return judge(await observe(host, { config, warnings, unannounced, holders }));
}
