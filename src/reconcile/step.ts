// What can be done to a machine: data, so that a plan can be shown before it is carried out.
import type { Remains } from '../dkms/mend.ts';
import type { Restlessness } from '../state/restless.ts';

export type Step =
  /** Take away what a killed or half-done dkms left. */
  | { readonly kind: 'clean'; readonly remains: Remains }
  /** Take the lines out of a source's `dkms.conf` that make dkms build it by itself. */
  | { readonly kind: 'takeOver'; readonly version: string; readonly path: string; readonly foreign: boolean }
  /** Make the source known to dkms. */
  | { readonly kind: 'register'; readonly version: string }
  /** Put the driver's udev rule in place. */
  | { readonly kind: 'placeRule'; readonly version: string; readonly text: string }
  | { readonly kind: 'build'; readonly version: string; readonly release: string; readonly why: string }
  | { readonly kind: 'install'; readonly version: string; readonly release: string }
  /** Make dkms take a module for installed that is. */
  | { readonly kind: 'record'; readonly version: string; readonly release: string }
  /** Load the driver into the running kernel. */
  | { readonly kind: 'load'; readonly release: string }
  /** Have the kernel make pages of 1 GiB. */
  | {
      readonly kind: 'allocateHugepages';
      /** Undefined for a machine without NUMA folders. */
      readonly node: number | undefined;
      /** Where the node's counters are. */
      readonly folder: string;
      /** How many there shall be; fewer than demanded where memory does not allow for all. */
      readonly to: number;
      readonly demand: number;
    }
  /** Give pages back that we had allocated, that nobody uses and that are more than demanded. */
  | {
      readonly kind: 'returnHugepages';
      readonly node: number | undefined;
      readonly folder: string;
      readonly count: number;
      readonly demand: number;
    }
  | { readonly kind: 'mountHugepages'; readonly path: string; readonly options: string }
  | { readonly kind: 'unload'; readonly release: string }
  /** Put the driver on disk in the place of the loaded one. */
  | {
      readonly kind: 'reload';
      readonly release: string;
      readonly version: string | undefined;
      readonly from: string | undefined;
      /** A person wants it, whether or not it is another driver. */
      readonly asked: boolean;
    }
  /** Bring a reload that was interrupted to its end. */
  | {
      readonly kind: 'endReload';
      readonly release: string;
      /** By the end of that boot of the machine: nothing is left to do but to tell of it. */
      readonly isCut?: boolean;
    }
  /** Take a kernel that is gone out of every record. */
  | { readonly kind: 'forget'; readonly release: string }
  /** Take a version that no kernel uses any more out of dkms's records. */
  | { readonly kind: 'unregister'; readonly version: string }
  /** Remove an old driver source that ttkmd's bootstrap had brought. */
  | { readonly kind: 'removeSource'; readonly version: string; readonly path: string }
  /** Keep what builds need of a kernel's build tree. */
  | { readonly kind: 'archive'; readonly release: string }
  | {
      readonly kind: 'dropArchive';
      readonly release: string;
      readonly path: string;
      readonly why: string;
    }
  /** Nothing can be done yet. */
  | {
      readonly kind: 'wait';
      readonly release: string | undefined;
      readonly why: string;
      /** Milliseconds after which it is worth another look though nothing may happen until then. */
      readonly again?: number;
      /** What somebody is still writing to, and since when. */
      readonly restless?: Restlessness;
    };

export function isOfHugepages({ kind }: Step): boolean {
  return kind === 'allocateHugepages' || kind === 'returnHugepages' || kind === 'mountHugepages';
}

/** A step in words, for a plan: what will be done. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case 'clean':
      return `clean up: ${step.remains.text}`;
    case 'takeOver':
      return `take over ${step.path}: leave AUTOINSTALL and POST_INSTALL out of its dkms.conf`;
    case 'register':
      return `register tenstorrent ${step.version} with dkms`;
    case 'placeRule':
      return `put the udev rule of tenstorrent ${step.version} in place`;
    case 'build':
      return `build tenstorrent ${step.version} for ${step.release}: ${step.why}`;
    case 'install':
      return `install and verify tenstorrent ${step.version} for ${step.release}`;
    case 'record':
      return `record tenstorrent ${step.version} for ${step.release} with dkms, which has lost sight of it`;
    case 'load':
      return `load tenstorrent into the running kernel ${step.release}`;
    case 'allocateHugepages': {
      const few = step.to < step.demand ? ` of ${step.demand} that are wanted, since memory is short` : '';
      return `allocate hugepages on ${step.node === undefined ? 'this machine' : `node ${step.node}`}: ${step.to} × 1 GiB${few}`;
    }
    case 'returnHugepages':
      return `give ${step.count} × 1 GiB of hugepages back on ${step.node === undefined ? 'this machine' : `node ${step.node}`}: ${step.demand} are wanted`;
    case 'mountHugepages':
      return `mount hugepages of 1 GiB at ${step.path}`;
    case 'unload':
      return `unload tenstorrent from the running kernel ${step.release}`;
    case 'reload':
      return `reload tenstorrent in the running kernel ${step.release}: ${step.from ?? 'the loaded one'} makes way for ${step.version ?? 'the one on disk'}`;
    case 'endReload':
      return `end the reload of tenstorrent that was interrupted`;
    case 'forget':
      return `forget ${step.release}: its modules and its image are gone`;
    case 'unregister':
      return `take tenstorrent ${step.version} out of dkms: no kernel will use it any more`;
    case 'removeSource':
      return `remove ${step.path}: as many older driver sources as driver.keep_old says are there without it`;
    case 'archive':
      return `archive the build tree of ${step.release}`;
    case 'dropArchive':
      return `remove ${step.path}: ${step.why}`;
    case 'wait':
      return `${step.release ?? 'the rest'} waits: ${step.why}`;
  }
}

/** The kernel that a step is for. */
export function stepRelease(step: Step): string | undefined {
  return 'release' in step ? step.release : undefined;
}

/** The driver version that a step is about. */
export function stepVersion(step: Step): string | undefined {
  return 'version' in step ? step.version : undefined;
}
