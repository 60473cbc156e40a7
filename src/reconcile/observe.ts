// Looks at the machine and changes nothing.
import type { Config } from '../config/config.ts';
import { foreignRuns } from '../dkms/foreign-runs.ts';
import { findRemains } from '../dkms/mend.ts';
import { observeDkms } from '../dkms/tree.ts';
import { observeDevices } from '../driver/devices.ts';
import type { LoadedDriver } from '../driver/driver.ts';
import { type Holders, observeHolders, UNSEEN } from '../driver/holders.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { observePackaged } from '../driver/packaged.ts';
import { observeSources, PACKAGE } from '../driver/sources.ts';
import { bootIdentity } from '../host/boot-identity.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { observeHugepages } from '../hugepages/observe.ts';
import { observeArchives } from '../kernels/archive.ts';
import { observeKernels } from '../kernels/inventory.ts';
import { compareReleases } from '../kernels/versions.ts';
import { bootstrappedSources } from '../state/bootstrapped.ts';
import { loadChecks } from '../state/checks.ts';
import { loadRestless } from '../state/restless.ts';
import { runUnderWay } from '../state/run.ts';
import { loadState, type State } from '../state/state.ts';
import { loadStuck } from '../state/stuck.ts';
import { observeChecks } from './check-modules.ts';
import { adviceWhereShort } from './hugepage-advice.ts';
import { differ } from './judge-loaded.ts';
import type { ConfigWarning, Observation, ObservedModule } from './observation.ts';
import {
  changedAbis,
  excludedReleases,
  observeLacks,
  observeWantedRule,
  readOnlySources,
  recordedReleases,
  toolIdentities,
  withRememberedOrigins,
} from './observe-inputs.ts';
import { observeLoading, ofThisBoot } from './observe-loading.ts';
import { observeModules, observeShadows, unreadModules } from './observe-modules.ts';
import { ownRemains } from './observe-remains.ts';
import { findRestless, QUIET } from './observe-restless.ts';
import { archivedSigning, observeSignatures, withKeys } from './observe-signing.ts';
import { besidePackaged, unclaimedModules, withoutPackaged } from './packaged-modules.ts';
import { observeUnrecorded } from './unrecorded.ts';
import { wantedSource } from './wanted-source.ts';

/**
 * Everything that decisions depend on.
 * @param settings the configuration, and what was wrong with it
 */
export async function observe(
  host: Host,
  settings: {
    readonly config: Config;
    readonly warnings: readonly ConfigWarning[];
    /** Nobody said that a kernel is complete: look whether its build tree is still being written. */
    readonly unannounced?: boolean;
    /** Whether it is looked who holds a device: it goes through all processes. Unless told, where a reload is due. */
    readonly holders?: HolderSight | undefined;
  },
): Promise<Observation> {
  const { fs, machine } = host;
  const boot = machine.chrooted ? '' : bootIdentity(fs);
  const remembered = ofThisBoot(loadState(fs), boot);
  const sources = observeSources(fs, remembered.sources).sort((a, b) =>
    compareReleases(b.version, a.version),
  );
  const dkms = observeDkms(fs, PACKAGE, machine.arch);
  const archives = observeArchives(fs);
  const recorded = [...recordedReleases(dkms, remembered), ...archives.map(({ release }) => release)];
  const kernels = withRememberedOrigins(observeKernels(host, recorded), remembered);
  const known = loadChecks(fs);
  const modules = await observeModules(host, kernels, known);
  const packaged = await observePackaged(host, unclaimedModules(dkms, modules, remembered));
  const state = withoutPackaged(fs, remembered, { dkms, modules, packaged });
  const { checks, changed, settled } = await observeChecks(host, kernels, modules, dkms, known);
  const remains = findRemains(host, dkms, PACKAGE);
  const wanted = wantedSource(sources, settings.config);
  const restless = settings.unannounced
    ? await findRestless(host, settings.config, kernels, modules, state, wanted, settled)
    : QUIET;
  const unrecorded = observeUnrecorded(fs, dkms, modules, state);
  // What lies in dkms's tree while somebody runs dkms may be that one's work, half done.
  const isBusy = remains.length + unrecorded.size > 0 && foreignRuns(host, dkms.tree).length > 0;
  const devices = machine.chrooted ? [] : observeDevices(fs, settings.config.devices.extra);
  const loaded = machine.chrooted ? undefined : observeLoaded(fs);
  const hugepages = machine.chrooted
    ? undefined
    : observeHugepages(fs, {
        settings: settings.config.hugepages,
        arch: machine.arch,
        asked: state.pages,
        failed: state.pagesFailed,
        // Early at boot none is loaded, and /usr/src may not be mounted: the module on disk is what will be.
        driverVersion:
          loaded?.version ?? modules.get(machine.runningRelease ?? '')?.version ?? wanted?.version,
      });
  const { runningRelease } = machine;
  const { config } = settings;
  const archivesByRelease = new Map(archives.map((one) => [one.release, one]));
  const archived = archivedSigning(state, kernels, { archives: archivesByRelease });
  const signing = observeSignatures(host, { config, dkms, kernels, modules, archived });
  return {
    now: host.clock.now(),
    arch: machine.arch,
    runningRelease: machine.runningRelease,
    chrooted: machine.chrooted,
    config: settings.config,
    configWarnings: settings.warnings,
    kernels,
    lacks: observeLacks(kernels, wanted),
    archives: archivesByRelease,
    sources,
    readOnlySources: readOnlySources(fs, sources),
    ownSources: bootstrappedSources(fs),
    rule: observeWantedRule(fs, wanted, state),
    ...restless,
    restlessSince: loadRestless(fs),
    stuck: loadStuck(fs),
    excluded: await excludedReleases(settings.config, kernels),
    dkms,
    remains: [...(isBusy ? [] : remains), ...ownRemains(fs, state, modules)],
    modules,
    checks,
    checksChanged: changed,
    packaged,
    besidePackaged: besidePackaged(fs, packaged),
    installing: installingNow(fs, state),
    unrecorded: isBusy ? new Map() : unrecorded,
    abiHashes: changedAbis(fs, kernels, state),
    shadows: observeShadows(fs, state),
    signing,
    loaded,
    interrupted: state.driver?.reloading !== undefined && runUnderWay(fs) === undefined,
    devices,
    hugepages,
    hugepageAdvice: adviceWhereShort(host, { hugepages, config, devices, kernels, runningRelease }),
    holders: machine.chrooted
      ? { holders: [], complete: true }
      : holdersFor(host, settings, loaded, modules.get(machine.runningRelease ?? '')),
    loading: observeLoading(host, loaded, modules, boot),
    state,
    tools: withKeys(toolIdentities(fs, kernels), signing),
    privileged: machine.effectiveUser === 0,
    denied: [...new Set([...deniedPaths(fs), ...unreadModules(modules)])],
  };
}

export type HolderSight = 'always' | 'never' | 'where-due';

/** One that hangs can have whoever looks at it hang: nobody looks for the fun of it. */
function holdersFor(
  host: Host,
  { config, holders = 'where-due' }: { readonly config: Config; readonly holders?: HolderSight | undefined },
  loaded: LoadedDriver | undefined,
  module: ObservedModule | undefined,
): Holders {
  const isDue =
    config.driver.reload === 'when-idle' &&
    loaded !== undefined &&
    module !== undefined &&
    differ(loaded, module);
  const isToLook = holders === 'always' || (holders === 'where-due' && isDue);
  return isToLook || loaded?.users === 0 ? observeHolders(host) : UNSEEN;
}

/** What somebody's process keeps to itself is nothing of the machine that was hidden. */
function deniedPaths({ denied }: HostFs): string[] {
  return [...denied].filter(
    (path) => !/^\/proc\/\d+\/|^\/sys\/(?:firmware\/efi|kernel\/security)\//.test(path),
  );
}

function installingNow(fs: HostFs, { intent }: State): string | undefined {
  const run = runUnderWay(fs);
  return intent?.step === 'install' && run !== undefined && run.pid !== process.pid
    ? intent.release
    : undefined;
}
