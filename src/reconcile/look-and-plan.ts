// What is seen, and what is to be done about it, for one who asks.
import type { Config } from '../config/config.ts';
import type { Host } from '../host/host.ts';
import type { Judgement } from './judgement.ts';
import { look } from './look.ts';
import type { ConfigWarning } from './observation.ts';
import type { HolderSight } from './observe.ts';
import { type Policy, plan } from './plan.ts';
import type { Step } from './step.ts';

export interface Asked {
  readonly config: Config;
  readonly configWarnings: readonly ConfigWarning[];
  readonly policy: Policy;
}

export interface Planned {
  readonly judgement: Judgement;
  readonly steps: readonly Step[];
}

export async function lookAndPlan(host: Host, options: Asked): Promise<Planned> {
  const judgement = await look(host, {
    ...options,
    unannounced: isUnannounced(options),
    early: isEarly(options),
    holders: sightOf(options.policy),
  });
  return { judgement, steps: plan(judgement, options.policy) };
}

/** A hook of a kernel's installation is not to wait for anybody's process. */
export function sightOf({ trigger, part, driver }: Policy): HolderSight {
  if (trigger === 'kernel-event' || part === 'hugepages') return 'never';
  return driver === undefined ? 'where-due' : 'always';
}

/** Nobody has said that a kernel or a driver source is complete. */
export function isUnannounced({ policy: { trigger } }: Asked): boolean {
  return trigger === 'watch' || trigger === 'timer';
}

/** What `ttkmd-hugepages` runs, before most file systems are there. */
export function isEarly({ policy: { trigger, part } }: Asked): boolean {
  return trigger === 'boot' && part === 'hugepages';
}
