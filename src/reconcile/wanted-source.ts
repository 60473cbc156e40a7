// Which driver source every kernel shall have the module from.
import type { Config } from '../config/config.ts';
import type { DriverSource } from '../driver/driver.ts';

/**
 * The pinned version, or the newest one; never one that may not be built from.
 * @param sources the newest first
 */
export function wantedSource(sources: readonly DriverSource[], config: Config): DriverSource | undefined {
  const usable = sources.filter((source) => source.refused === undefined);
  const { version } = config.driver;
  return version === 'newest' ? usable[0] : usable.find((source) => source.version === version);
}
