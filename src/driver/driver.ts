// What is known of the driver: its sources, the modules on disk, the one in the kernel, its devices.
import type { SourceCalls } from './source-calls.ts';

/** Why nothing may be built from a driver source. */
export interface Refusal {
  readonly code: /** Somebody other than root can write to it, or to a folder on the way to it. */
    | 'not-roots'
    /** A link in it leads elsewhere, or nowhere that can be judged. */
    | 'leads-out'
    /** It holds what is no file, folder or link. */
    | 'special-file'
    | 'too-big'
    | 'unreadable'
    | 'no-dkms-conf'
    | 'other-package'
    | 'other-version'
    /** Its dkms.conf says that it is another version, put aside: `tenstorrent-2.9.0.bak`. */
    | 'copy';
  readonly text: string;
  /** What mends it. */
  readonly hint: string;
}

/** A driver source: `/usr/src/tenstorrent-<version>` with its `dkms.conf`. */
export interface DriverSource {
  readonly version: string;
  readonly path: string;
  /** Changes whenever a file of it may have changed. */
  readonly identity: string;
  /**
   * SHA-256 over the content of its files; lines that decide who owns the module are left out. Empty where it is
   * refused: what nobody answers for is not read.
   */
  readonly hash: string;
  /** When a file of it was last written to, in milliseconds since 1970; its `dkms.conf` does not count, we change it. */
  readonly modified: number;
  /** Functions of the kernel that it calls and that not every kernel has. */
  readonly calls: SourceCalls;
  /** A build left objects in it, which make could take for finished work. */
  readonly hasObjects: boolean;
  /** Assignments in its `dkms.conf` that make dkms act by itself, as they are written. */
  readonly ownershipLines: readonly string[];
  /** Why nothing may be built from it; undefined where it is fine. */
  readonly refused: Refusal | undefined;
}

/** The signature that is appended to a module; what modinfo cannot tell of it is undefined. */
export interface ModuleSignature {
  readonly signer: string | undefined;
  /** The serial number of the certificate: hexadecimal, in small letters and without zeros in front. */
  readonly serial: string | undefined;
  readonly hash: string | undefined;
}

/** A module file that modprobe would load. */
export interface InstalledModule {
  readonly release: string;
  readonly path: string;
  /** A word for the file, from before it was read; left out where nobody asked for it. */
  readonly identity?: string | undefined;
  readonly version: string | undefined;
  readonly vermagic: string | undefined;
  readonly sourceVersion: string | undefined;
  /** What udev finds it by; left out where it declares none. */
  readonly aliases?: readonly string[] | undefined;
  /** Who signed it, as modinfo reads it; undefined where it is not signed. */
  readonly signature?: ModuleSignature | undefined;
  /** Why it cannot be read as a module; undefined where it can. */
  readonly broken: string | undefined;
  /** Why nobody could look at it, so that nothing is known of it. */
  readonly unread?: string | undefined;
}

/** What is written in a module file, wherever it lies. */
export type ModuleInfo = Omit<InstalledModule, 'release' | 'path' | 'identity'>;

/** What a sound module file was found to hold; good as long as the file's word is the same. */
export interface KnownInfo {
  readonly identity: string;
  readonly info: ModuleInfo;
}

/** The module in the running kernel. */
export interface LoadedDriver {
  readonly version: string | undefined;
  readonly sourceVersion: string | undefined;
  /** How many users hold it. */
  readonly users: number;
  /** Somebody is unloading it at this moment. */
  readonly going: boolean;
  /** The kernel can unload it: it counts its users, which a built-in one has not, nor a kernel that unloads nothing. */
  readonly removable: boolean;
  /** It is the kernel's own, and no module that was built beside it. */
  readonly inTree: boolean;
}

export interface Device {
  /** PCI address, e.g. `0000:01:00.0`. */
  readonly address: string;
  /** Board family, e.g. `wormhole`. */
  readonly family: string;
  /** The kernel driver that is bound to it. */
  readonly driver: string | undefined;
  /** Another driver than ours that has it, or that alone may have it; undefined where it is ours to drive. */
  readonly givenTo?: string | undefined;
  /** The NUMA node that it hangs on; undefined where the machine does not say (sysfs shows -1, or nothing). */
  readonly node: number | undefined;
  /** What the IOMMU does for it: `translates` its addresses, lets them `pass`, or is not there (`none`). */
  readonly iommu: 'translates' | 'pass' | 'none';
}
