// What is remembered between runs: fingerprints of what was installed, failures, and what was under way.
import type { HostFs } from '../host/fs.ts';

export const STATE_FOLDER = '/var/lib/ttkmd';
export const STATE_PATH = `${STATE_FOLDER}/state.json`;
const SCHEMA = 1;

export type Trigger = 'boot' | 'kernel-event' | 'watch' | 'timer' | 'cli' | 'bootstrap';

/** What a build depends on: when one of them changes, the result may. */
export interface Fingerprint {
  readonly version: string;
  readonly sourceHash: string;
  /** Size and time of the kernel's configuration and symbol versions: cheap to compare. */
  readonly abiIdentity: string | undefined;
  /** SHA-256 of the same: compared where the identity differs. */
  readonly abiHash: string | undefined;
  /** SHA-256 of the kernel's configuration as make reads it; absent in records of earlier versions, as what follows. */
  readonly configuration?: string | undefined;
  /** SHA-256 of Module.symvers. */
  readonly symbolVersions?: string | undefined;
  /** The compiler that had built the kernel, as CONFIG_CC_VERSION_TEXT has it. */
  readonly compiler?: string | undefined;
  /** Options that decide about code alone; see `codeOptions`. */
  readonly codeOptions?: string | undefined;
  /** SHA-256 of the certificate that it is signed with; undefined where it is not, or was not noted yet. */
  readonly signer?: string | undefined;
}

export interface ModuleRecord extends Fingerprint {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly trigger: Trigger;
  /** How long build and installation took. */
  readonly seconds: number;
  /** SHA-256 of the module file, by which it is known again; absent in records of earlier versions. */
  readonly file?: string | undefined;
  /** The checksum of its source that modpost wrote into it. */
  readonly sourceVersion?: string | undefined;
  /** What was wanting of the build, though the module is good: another compiler than the kernel's. */
  readonly warning?: string | undefined;
  /** The boot of the machine in which it was installed; absent in records of earlier versions. */
  readonly boot?: string | undefined;
}

export interface FailureRecord extends Fingerprint {
  readonly at: number;
  readonly trigger: Trigger;
  /** Compilers and tools that were there; a failure is worth another try when they change. */
  readonly tools: string;
  readonly code: string;
  readonly headline: string;
  readonly cause: string | undefined;
  readonly hint: string;
  /** It may go away by itself: tried again at the next trigger. */
  readonly transient: boolean;
  /** When it failed in that way for the first time; undefined where that was this time. */
  readonly since?: number | undefined;
  /** The kernel can never take this driver. */
  readonly unsupported: boolean;
  readonly log: string | undefined;
  /** The file that modprobe would load instead of ours, and how depmod chooses, as they were; see `shadowIdentity`. */
  readonly shadow?: string | undefined;
  /** The archive that it was to be built from, as it was; undefined where that was the build tree itself. */
  readonly archive?: string | undefined;
}

/** Written before something is touched and taken away after it: what a killed run leaves behind is known by it. */
export interface Intent {
  readonly release: string;
  readonly version: string;
  readonly step: 'install' | 'forget';
  /** SHA-256 of module files that are ours, those included that the step is about to replace. */
  readonly own?: readonly string[];
  /** Where a copy of the module that was there is kept meanwhile. */
  readonly kept?: string | undefined;
}

/** What is known of the archive of a kernel's build tree. */
export interface ArchiveRecord {
  /** Of the tree that it was made from; see Fingerprint. */
  readonly abiIdentity: string | undefined;
  readonly abiHash: string | undefined;
  /** How big it is, or was; undefined where none could be made. */
  readonly bytes: number | undefined;
  /** Making it failed, and may be tried again. */
  readonly transient?: boolean | undefined;
  /** What the tree said of signatures; absent in records of earlier versions. */
  readonly signing?: ArchivedSigning | undefined;
}

export interface ArchivedSigning {
  /** Those of the kernel's options that decide about signatures. */
  readonly configuration: Readonly<Record<string, string>>;
  /** The certificate that is built into the kernel. */
  readonly builtIn?:
    | { readonly hash: string; readonly serial: string; readonly issuer: string; readonly subject: string }
    | undefined;
}

export interface AskedPages {
  /** The kernel's word for this boot: the next one begins without any. */
  readonly boot: string;
  /** By the name of the node. */
  readonly pages: Readonly<Record<string, number>>;
}

/** What could not be had of pages of 1 GiB, and in which boot; see hugepages/. */
export interface FailedPages {
  /** The kernel's word for this boot. */
  readonly boot: string;
  /** By the name of the node: how many were asked for, and how many there were in the end. */
  readonly nodes: Readonly<Record<string, { readonly to: number; readonly allocated: number }>>;
  /** The mount that was refused. */
  readonly mount?: { readonly path: string; readonly options: string } | undefined;
}

/** Why the driver could not be loaded or reloaded; it stands as long as module and boot are the same. */
export interface DriverFailure {
  readonly step: 'load' | 'reload';
  /** Which file it was, see `contentIdentity`. */
  readonly module: string | undefined;
  readonly text: string;
  readonly hint: string;
  readonly at: number;
  /** When it may be tried again by itself; undefined where a person has to ask. */
  readonly retryAt?: number | undefined;
  /** How often in succession; absent in records of earlier versions. */
  readonly times?: number | undefined;
}

/** A reload that has begun: until it has ended, those who were told of its beginning wait. */
export interface ReloadUnderWay {
  readonly release: string;
  /** The loaded driver's version and srcversion before it. */
  readonly from: string | undefined;
  readonly fromSource: string | undefined;
  /** The version that is to be loaded. */
  readonly to: string | undefined;
  /** The devices that the driver had; absent in records of earlier versions. */
  readonly devices?: readonly { readonly address: string; readonly family: string }[];
}

/** What is remembered of the driver in the kernel. Nothing of it counts in another boot. */
export interface DriverState {
  readonly boot: string;
  /** A person has unloaded it: nothing but a person loads it again. */
  readonly unloaded?: boolean | undefined;
  readonly reloading?: ReloadUnderWay | undefined;
  readonly failure?: DriverFailure | undefined;
}

/** What a kernel is known to be; a build tree that is gone tells nothing. */
export type RememberedOrigin =
  | { readonly kind: 'dist-kernel' | 'distribution'; readonly package: string }
  | { readonly kind: 'hand-built' };

export interface State {
  readonly modules: Readonly<Record<string, ModuleRecord>>;
  readonly failures: Readonly<Record<string, FailureRecord>>;
  /** The `dkms.conf` of a source that was taken over, by the source's path, so that it can be put back. */
  readonly adopted: Readonly<Record<string, { readonly original: string; readonly foreign: boolean }>>;
  /** Hashes of driver sources by path, good as long as the identity is the same. */
  readonly sources: Readonly<
    Record<
      string,
      {
        readonly identity: string;
        readonly hash: string;
        /** What it calls of the kernel, see driver/source-calls; absent in records of earlier versions. */
        readonly calls?:
          | { readonly surely: Readonly<Record<string, string>>; readonly maybe: readonly string[] }
          | undefined;
      }
    >
  >;
  /** SHA-256 of the udev rule that was put in place. */
  readonly rule: string | undefined;
  /** Where a kernel came from, by its release, remembered for when its build tree is gone. */
  readonly origins: Readonly<Record<string, RememberedOrigin>>;
  readonly intent: Intent | undefined;
  /** By release. */
  readonly archives?: Readonly<Record<string, ArchiveRecord>> | undefined;
  /** Pages of 1 GiB that we have had allocated, and in which boot; see hugepages/. */
  readonly pages?: AskedPages | undefined;
  readonly pagesFailed?: FailedPages | undefined;
  readonly driver: DriverState | undefined;
}

export const EMPTY_STATE: State = {
  modules: {},
  failures: {},
  adopted: {},
  origins: {},
  sources: {},
  rule: undefined,
  intent: undefined,
  driver: undefined,
};

/**
 * The remembered state. What cannot be read as such is as good as none: everything in it can be found out again
 * by looking or by building.
 */
export function loadState(fs: HostFs): State {
  const text = fs.readText(STATE_PATH);
  if (text === undefined) return EMPTY_STATE;
  try {
    const data = JSON.parse(text) as Partial<State> & {
      readonly schema?: number;
      /** Of earlier versions: the packages of dist-kernels. */
      readonly packages?: Readonly<Record<string, string>>;
    };
    if (data.schema !== SCHEMA) return EMPTY_STATE;
    return {
      modules: data.modules ?? {},
      failures: data.failures ?? {},
      adopted: data.adopted ?? {},
      origins: { ...originsOf(data.packages), ...data.origins },
      sources: data.sources ?? {},
      rule: data.rule,
      intent: data.intent,
      archives: data.archives,
      pages: data.pages,
      pagesFailed: data.pagesFailed,
      driver: data.driver,
    };
  } catch {
    return EMPTY_STATE;
  }
}

function originsOf(packages: Readonly<Record<string, string>> = {}): Record<string, RememberedOrigin> {
  return Object.fromEntries(
    Object.entries(packages).map(([release, name]) => [release, { kind: 'dist-kernel', package: name }]),
  );
}

/** Writes the state in one step. */
export function saveState(fs: HostFs, state: State): void {
  fs.write(STATE_PATH, `${JSON.stringify({ schema: SCHEMA, ...state }, undefined, 1)}\n`);
}

/** A record without some of its keys. */
export function without<T>(record: Readonly<Record<string, T>>, ...keys: string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}
