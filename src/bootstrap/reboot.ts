// Whether a reboot is needed when a bootstrap has ended, and why.
import { observeLoaded } from '../driver/loaded.ts';
import type { Host } from '../host/host.ts';

/** Of what `ttkmdctl hugepages status --json` prints. */
export interface Pages {
  readonly supported: boolean;
  readonly present: number;
  readonly demand: number;
}

/** The reasons, as sentences; none where nothing waits for a reboot. */
export function rebootReasons(
  { fs, machine }: Pick<Host, 'fs' | 'machine'>,
  wanted: string | undefined,
  pages: Pages | undefined,
): string[] {
  if (machine.chrooted) return [];
  const loaded = observeLoaded(fs)?.version;
  return [
    ...(loaded !== undefined && wanted !== undefined && loaded !== wanted
      ? [`The driver ${loaded} is loaded, and ${wanted} is installed.`]
      : []),
    ...(pages?.supported === true && pages.present < pages.demand
      ? [
          `Only ${pages.present} of ${pages.demand} hugepages of 1 GiB could be had in memory that is in use; early at boot there is room.`,
        ]
      : []),
    ...(fs.exists('/run/reboot-required')
      ? ['A package of the distribution asks for it (/run/reboot-required).']
      : []),
  ];
}
