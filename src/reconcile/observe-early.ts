// Looks early at boot at what hugepages depend on, and at nothing else: other file systems may not be mounted yet, and
// who touches one that a network brings waits for a network that waits for him.
import type { Config } from '../config/config.ts';
import { observeDevices } from '../driver/devices.ts';
import { observeInstalled } from '../driver/installed.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { bootIdentity } from '../host/boot-identity.ts';
import type { Host } from '../host/host.ts';
import { observeHugepages } from '../hugepages/observe.ts';
import { loadState, type State } from '../state/state.ts';
import { judgeHugepages } from './judge-hugepages.ts';
import type { ConfigWarning, Observation } from './observation.ts';
import { ofThisBoot } from './observe-loading.ts';

/** Where the kernel command line is kept lies on file systems that come later. */
const ADVICE =
  'to be sure of them, ask for them on the kernel command line; ttkmdctl hugepages status says with which words, and where';

/** Sysfs, the settings, the state, and the module of the running kernel; the rest is empty. */
export async function observeEarly(
  host: Host,
  { config, warnings }: { readonly config: Config; readonly warnings: readonly ConfigWarning[] },
): Promise<Observation> {
  const { fs, machine } = host;
  const { chrooted, runningRelease, arch } = machine;
  const boot = chrooted ? '' : bootIdentity(fs);
  const state = ofThisBoot(loadState(fs), boot);
  const loaded = chrooted ? undefined : observeLoaded(fs);
  const devices = chrooted ? [] : observeDevices(fs, config.devices.extra);
  const hugepages = chrooted
    ? undefined
    : observeHugepages(fs, {
        settings: config.hugepages,
        arch,
        asked: state.pages,
        failed: state.pagesFailed,
        early: true,
        driverVersion: loaded?.version ?? (await installedVersion(host)) ?? lastVersion(state),
      });
  return {
    ...NOTHING,
    now: host.clock.now(),
    arch,
    runningRelease,
    chrooted,
    config,
    configWarnings: warnings,
    loaded,
    devices,
    hugepages,
    hugepageAdvice:
      hugepages === undefined || !isShort(judgeHugepages(hugepages, config, devices)) ? undefined : ADVICE,
    loading: { ...NOTHING.loading, boot },
    state,
    privileged: machine.effectiveUser === 0,
  };
}

function isShort({ present, demand }: ReturnType<typeof judgeHugepages>): boolean {
  return present < demand.total;
}

async function installedVersion(host: Host): Promise<string | undefined> {
  const release = host.machine.runningRelease;
  return release === undefined ? undefined : (await observeInstalled(host, [release])).get(release)?.version;
}

/** A kernel that has just come gets the version that was installed last, in all likelihood. */
function lastVersion({ modules }: State): string | undefined {
  return Object.values(modules).sort((a, b) => b.at - a.at)[0]?.version;
}

type Seen = Pick<
  Observation,
  | 'now'
  | 'arch'
  | 'runningRelease'
  | 'chrooted'
  | 'config'
  | 'configWarnings'
  | 'loaded'
  | 'devices'
  | 'hugepages'
  | 'hugepageAdvice'
  | 'state'
  | 'privileged'
>;

const NOTHING: Omit<Observation, keyof Seen> = {
  kernels: [],
  lacks: new Map(),
  archives: new Map(),
  ownSources: new Set(),
  sources: [],
  readOnlySources: new Set(),
  restless: new Map(),
  restlessSource: undefined,
  restlessSince: new Map(),
  stuck: undefined,
  rule: undefined,
  dkms: {
    ...{ command: undefined, tree: '', sourceTree: '', unreadable: undefined },
    ...{ key: undefined, signFile: undefined, versions: [], active: [] },
  },
  remains: [],
  modules: new Map(),
  checks: new Map(),
  checksChanged: false,
  packaged: [],
  besidePackaged: new Map(),
  unrecorded: new Map(),
  installing: undefined,
  excluded: new Set(),
  abiHashes: new Map(),
  shadows: new Map(),
  signing: {
    machine: { efi: undefined, secureBoot: undefined, lockdown: undefined, enforcing: undefined, words: [] },
    kernels: new Map(),
    modules: new Map(),
  },
  interrupted: false,
  holders: { holders: [], complete: true },
  loading: {
    boot: '',
    obstacle: undefined,
    module: undefined,
    copied: false,
    drains: false,
    wrongNodes: [],
    initramfsTool: undefined,
  },
  tools: new Map(),
  denied: [],
};
