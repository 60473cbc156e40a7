// Which version a kernel's module is. Pure.
import type { Observation } from './observation.ts';

/**
 * The version of the module that modprobe would load: what is written in it, else what we or dkms installed,
 * since a driver need not write its version into its module.
 */
export function moduleVersion(
  { modules, state, dkms }: Pick<Observation, 'modules' | 'state' | 'dkms'>,
  release: string,
): string | undefined {
  const module = modules.get(release);
  if (module === undefined) return undefined;
  return (
    module.version ??
    state.modules[release]?.version ??
    dkms.active.find((link) => link.release === release && !link.dangling)?.version
  );
}
