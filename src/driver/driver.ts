// What is known of the driver: its sources, the modules on disk, the one in the kernel, its devices.

/** A driver source: `/usr/src/tenstorrent-<version>` with its `dkms.conf`. */
export interface DriverSource {
  readonly version: string;
  readonly path: string;
  /** Changes whenever a file of it may have changed. */
  readonly identity: string;
  /** SHA-256 over the content of its files; lines that decide who owns the module are left out. */
  readonly hash: string;
  /** Lines of its `dkms.conf` that make dkms act by itself, as they are written. */
  readonly ownershipLines: readonly string[];
  /** Why nothing may be built from it; undefined where it is fine. */
  readonly refused: string | undefined;
}

/** A module file that modprobe would load. */
export interface InstalledModule {
  readonly release: string;
  readonly path: string;
  readonly version: string | undefined;
  readonly vermagic: string | undefined;
  readonly sourceVersion: string | undefined;
  /** Why it cannot be read as a module; undefined where it can. */
  readonly broken: string | undefined;
  /** Why nobody could look at it, so that nothing is known of it. */
  readonly unread?: string | undefined;
}

/** The module in the running kernel. */
export interface LoadedDriver {
  readonly version: string | undefined;
  readonly sourceVersion: string | undefined;
  /** How many users hold it. */
  readonly users: number;
}

export interface Device {
  /** PCI address, e.g. `0000:01:00.0`. */
  readonly address: string;
  /** Board family, e.g. `wormhole`. */
  readonly family: string;
  /** The kernel driver that is bound to it. */
  readonly driver: string | undefined;
}
