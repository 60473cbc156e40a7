// Which driver source every kernel shall have the module from.
import type { Config } from '../config/config.ts';
import type { DriverSource } from '../driver/driver.ts';
import { compareReleases } from '../kernels/versions.ts';

export interface WantedDriver {
  /** The version that every kernel shall have; undefined where nothing tells. */
  readonly desired: string | undefined;
  /** What it is built from; undefined where there is nothing that may be built from. */
  readonly source: DriverSource | undefined;
  /** What would be built from, were it not refused. */
  readonly refused: DriverSource | undefined;
  /** The older version that is there, and that nobody goes back to because of a refused source. */
  readonly spurned: string | undefined;
}

/**
 * The pinned version, or the newest one; never one that may not be built from. A newer source that is refused is
 * no reason to go back to an older version than the kernels have: that is for the admin to say, by a pin.
 * @param sources the newest first
 * @param installed versions of the modules of kernels that the machine could boot
 */
export function wantedDriver(
  sources: readonly DriverSource[],
  config: Config,
  installed: readonly string[],
): WantedDriver {
  const source = wantedSource(sources, config);
  const { version } = config.driver;
  if (version !== 'newest') {
    const refused = sources.find((one) => one.version === version && one !== source);
    return { desired: version, source, refused, spurned: undefined };
  }
  const newest = sources.find((one) => one === source || isRefusedVersion(one));
  const refused = newest === source ? undefined : newest;
  const highest = [...installed].sort(compareReleases).at(-1);
  const holds =
    refused !== undefined &&
    highest !== undefined &&
    (source === undefined || compareReleases(highest, source.version) > 0);
  return holds
    ? { desired: highest, source: undefined, refused, spurned: source?.version }
    : { desired: source?.version, source, refused, spurned: undefined };
}

/** The source to build from, as far as sources and settings tell. */
export function wantedSource(sources: readonly DriverSource[], config: Config): DriverSource | undefined {
  const usable = sources.filter((source) => source.refused === undefined);
  const { version } = config.driver;
  return version === 'newest' ? usable[0] : usable.find((source) => source.version === version);
}

/** A copy that was put aside, or a folder of another name, is no version that anybody waits for. */
function isRefusedVersion({ version, refused }: DriverSource): boolean {
  return refused !== undefined && refused.code !== 'copy' && /^\d/.test(version);
}
