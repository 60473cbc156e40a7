// The modules that modprobe would load, and what is in their way.
import type { KnownInfo } from '../driver/driver.ts';
import { observeInstalled, shadowIdentity } from '../driver/installed.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Checks } from '../state/checks.ts';
import type { State } from '../state/state.ts';
import type { ObservedModule } from './observation.ts';

export async function observeModules(
  host: Host,
  kernels: readonly Kernel[],
  known: Checks,
): Promise<Map<string, ObservedModule>> {
  const installed = kernels.filter((kernel) => kernel.kind !== 'sources-only');
  const found = await observeInstalled(
    host,
    installed.map((kernel) => kernel.release),
    // Written by this program, from a module that it had read.
    (release) => known[release]?.read as KnownInfo | undefined,
  );
  const modules = new Map<string, ObservedModule>();
  for (const kernel of installed) {
    const module = found.get(kernel.release);
    if (module === undefined) continue;
    const isKnown = kernel.abiIdentity !== undefined && kernel.buildTree.path !== undefined;
    const configuration = isKnown ? kernel.configuration : undefined;
    const mismatch =
      module.unread === undefined ? vermagicMismatch(module, kernel.release, configuration) : undefined;
    modules.set(kernel.release, { ...module, mismatch });
  }
  return modules;
}

export function unreadModules(modules: ReadonlyMap<string, ObservedModule>): string[] {
  return [...modules.values()].flatMap(({ path, unread }) => (unread === undefined ? [] : [path]));
}

/** Only where one was in the way before: what depmod's settings say is of no interest to anybody else. */
export function observeShadows(fs: HostFs, state: State): Map<string, string> {
  return new Map(
    Object.entries(state.failures).flatMap(([release, { shadow }]) =>
      shadow === undefined ? [] : [[release, shadowIdentity(fs, release)] as const],
    ),
  );
}
