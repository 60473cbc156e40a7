// Whether a reboot is needed when a bootstrap has ended, and why.
import { observeLoaded } from '../driver/loaded.ts';
import type { Host } from '../host/host.ts';

/** The reasons, as sentences; none where nothing waits for a reboot. */
export function rebootReasons(
  { fs, machine }: Pick<Host, 'fs' | 'machine'>,
  wanted: string | undefined,
): string[] {
  if (machine.chrooted) return [];
  const loaded = observeLoaded(fs)?.version;
  return [
    ...(loaded !== undefined && wanted !== undefined && loaded !== wanted
      ? [`The driver ${loaded} is loaded, and ${wanted} is installed.`]
      : []),
    ...(fs.exists('/run/reboot-required')
      ? ['A package of the distribution asks for it (/run/reboot-required).']
      : []),
  ];
}
