// Which build trees, and which driver source, somebody is still writing to.
import type { Config } from '../config/config.ts';
import type { DriverSource } from '../driver/driver.ts';
import type { Host } from '../host/host.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { changedSince } from '../kernels/quiet.ts';
import type { State } from '../state/state.ts';
import type { Observation, ObservedModule } from './observation.ts';

type Restless = Pick<Observation, 'restless' | 'restlessSource'>;

export const QUIET: Restless = { restless: new Map(), restlessSource: undefined };

/**
 * Only kernels that something would be built for, now or once their trees are complete, are looked at: a tree is five
 * thousand folders.
 */
export async function findRestless(
  host: Host,
  config: Config,
  kernels: readonly Kernel[],
  modules: ReadonlyMap<string, ObservedModule>,
  state: State,
  source: DriverSource | undefined,
  settled: ReadonlySet<string>,
): Promise<Restless> {
  const since = host.clock.now() - config.watch.settle;
  const restless = new Map<string, number>();
  for (const { release, kind, buildTree, abiIdentity } of kernels) {
    const asBuilt = modules.has(release) && state.modules[release]?.abiIdentity === abiIdentity;
    const known = asBuilt || settled.has(release);
    if (known || kind === 'sources-only' || buildTree.path === undefined) continue;
    const changed = await changedSince(host, buildTree.path, since);
    if (changed !== undefined) restless.set(release, changed);
  }
  const changed = source === undefined ? undefined : await changedSince(host, source.path, since);
  if (source === undefined || changed === undefined) return { restless, restlessSource: undefined };
  return { restless, restlessSource: { path: source.path, changed } };
}
