// Everything that was seen of a machine at one moment: what judge and plan work on.
import type { Config } from '../config/config.ts';
import type { Remains } from '../dkms/mend.ts';
import type { DkmsObservation } from '../dkms/tree.ts';
import type { Device, DriverSource, InstalledModule, LoadedDriver } from '../driver/driver.ts';
import type { Holders } from '../driver/holders.ts';
import type { InitramfsTool } from '../driver/initramfs-tools.ts';
import type { LoadObstacle } from '../driver/load-obstacle.ts';
import type { WrongNode } from '../driver/node-permissions.ts';
import type { PackagedModule } from '../driver/packaged.ts';
import type { ObservedRule } from '../driver/rule.ts';
import type { ObservedHugepages } from '../hugepages/hugepages.ts';
import type { KernelArchive } from '../kernels/archive.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { LackingOption } from '../kernels/needed-options.ts';
import type { ObservedSigning } from '../signing/observe.ts';
import type { Verdict } from '../signing/signing.ts';
import type { ModuleCheck } from '../state/checks.ts';
import type { Restlessness } from '../state/restless.ts';
import type { State } from '../state/state.ts';
import type { StuckCommand } from '../state/stuck.ts';

/** A setting that could not be used; its default counts. */
export interface ConfigWarning {
  readonly place: string;
  readonly message: string;
  readonly hint: string;
}

export interface ObservedModule extends InstalledModule {
  /** Why its vermagic does not fit its kernel; undefined where it does. */
  readonly mismatch: string | undefined;
}

export interface ObservedLoading {
  /** A word for this boot of the machine. */
  readonly boot: string;
  /** What keeps modprobe from loading the driver. */
  readonly obstacle: LoadObstacle | undefined;
  /** Which file the running kernel's module is, in a word that changes with it. */
  readonly module: string | undefined;
  /** There is a copy of the module that is in the kernel, to be put back. */
  readonly copied: boolean;
  /** The admin has programs that drain what uses the device before a reload. */
  readonly drains: boolean;
  readonly wrongNodes: readonly WrongNode[];
  readonly initramfsTool: InitramfsTool | undefined;
}

/** Options without which no driver works for a kernel. */
export interface Lack {
  readonly options: readonly LackingOption[];
  /** What mends it. */
  readonly hint: string;
}

export interface Observation {
  /** When it was made, in milliseconds since 1970. */
  readonly now: number;
  readonly arch: string;
  readonly runningRelease: string | undefined;
  readonly chrooted: boolean;
  readonly config: Config;
  readonly configWarnings: readonly ConfigWarning[];
  /** The newest release first. */
  readonly kernels: readonly Kernel[];
  /** By release, where the kernel's configuration and the wanted driver source prove it. */
  readonly lacks: ReadonlyMap<string, Lack>;
  /** Archives of build trees, by release. */
  readonly archives: ReadonlyMap<string, KernelArchive>;
  /** The newest first. */
  readonly sources: readonly DriverSource[];
  /** Paths of sources that ttkmd's bootstrap has brought. */
  readonly ownSources: ReadonlySet<string>;
  /** Paths of sources on a read-only file system: what they say of who builds them stays. */
  readonly readOnlySources: ReadonlySet<string>;
  /** When a kernel's build tree last changed, where somebody still writes into it; only looked for on demand. */
  readonly restless: ReadonlyMap<string, number>;
  /** The same for the wanted driver source. */
  readonly restlessSource: { readonly path: string; readonly changed: number } | undefined;
  /** What the daemon's looks so far have seen being written to, by release. */
  readonly restlessSince: ReadonlyMap<string, Restlessness>;
  /** A child of the daemon that does not end. */
  readonly stuck: StuckCommand | undefined;
  /** The driver's udev rule, where there is a source. */
  readonly rule: ObservedRule | undefined;
  readonly dkms: DkmsObservation;
  readonly remains: readonly Remains[];
  /** The module that modprobe would load, by release. */
  readonly modules: ReadonlyMap<string, ObservedModule>;
  /** Each sound module against what it depends on, by release. */
  readonly checks: ReadonlyMap<string, ModuleCheck>;
  /** Some of that is new: worth writing down for the next look. */
  readonly checksChanged: boolean;
  /** Modules that are files of a package, and where two lie for one kernel, the others. */
  readonly packaged: readonly PackagedModule[];
  readonly besidePackaged: ReadonlyMap<string, readonly string[]>;
  /** The version of modules that are installed and that dkms does not take for installed, by release. */
  readonly unrecorded: ReadonlyMap<string, string>;
  /** The release for which another run is installing a module at this moment. */
  readonly installing: string | undefined;
  /** Releases that the setting kernels.exclude names. */
  readonly excluded: ReadonlySet<string>;
  /** SHA-256 of a kernel's configuration and symbol versions, where a remembered one has to be compared. */
  readonly abiHashes: ReadonlyMap<string, string>;
  /** What modprobe would load instead of ours, where a remembered failure names it; see `shadowIdentity`. */
  readonly shadows: ReadonlyMap<string, string>;
  /** What each kernel enforces and what is signed with, and whether it takes the module that is there. */
  readonly signing: ObservedSigning & { readonly modules: ReadonlyMap<string, Verdict> };
  readonly loaded: LoadedDriver | undefined;
  /** A reload has begun, and no run is at it any more. */
  readonly interrupted: boolean;
  readonly holders: Holders;
  /** What is known of loading and unloading here. */
  readonly loading: ObservedLoading;
  readonly devices: readonly Device[];
  /** Undefined where this system is looked at from outside or in a chroot. */
  readonly hugepages: ObservedHugepages | undefined;
  /** What makes pages sure that are missing; undefined where none are. */
  readonly hugepageAdvice: string | undefined;
  readonly state: State;
  /** The compiler and tools for each release, in one word: a failed build is worth another try when it changes. */
  readonly tools: ReadonlyMap<string, string>;
  /** Root looks: what cannot be read is not hidden from a mere user. */
  readonly privileged: boolean;
  /** Paths that this user may not read, and modules that could not be looked at. */
  readonly denied: readonly string[];
}
