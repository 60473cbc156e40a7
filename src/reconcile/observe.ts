// Looks at the machine and changes nothing.
import type { Config } from '../config/config.ts';
import { STAGING } from '../dkms/commands.ts';
import { foreignRuns } from '../dkms/foreign-runs.ts';
import { findRemains, type Remains } from '../dkms/mend.ts';
import { type DkmsObservation, observeDkms } from '../dkms/tree.ts';
import { observeDevices } from '../driver/devices.ts';
import type { DriverSource, LoadedDriver } from '../driver/driver.ts';
import { type Holders, observeHolders, UNSEEN } from '../driver/holders.ts';
import { observeInstalled, shadowIdentity } from '../driver/installed.ts';
import { findKept } from '../driver/kept.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { observePackaged } from '../driver/packaged.ts';
import { type ObservedRule, observeRule } from '../driver/rule.ts';
import { observeSources, PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { bootIdentity } from '../host/boot-identity.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { observeHugepages } from '../hugepages/observe.ts';
import { abiHash } from '../kernels/abi.ts';
import { ARCHIVE_FOLDER, observeArchives, UNPACKED } from '../kernels/archive.ts';
import { ownTree } from '../kernels/build-tree.ts';
import { observeKernels } from '../kernels/inventory.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { howToSet, lackingOptions } from '../kernels/needed-options.ts';
import { changedSince } from '../kernels/quiet.ts';
import { compareReleases } from '../kernels/versions.ts';
import { bootstrappedSources } from '../state/bootstrapped.ts';
import { BUILD_LOGS } from '../state/build-logs.ts';
import { loadRestless } from '../state/restless.ts';
import { runUnderWay } from '../state/run.ts';
import { loadState, STATE_FOLDER, type State } from '../state/state.ts';
import { loadStuck } from '../state/stuck.ts';
import { observeChecks } from './check-modules.ts';
import { adviceWhereShort } from './hugepage-advice.ts';
import { differ } from './judge-loaded.ts';
import type { ConfigWarning, Lack, Observation, ObservedModule } from './observation.ts';
import { observeLoading, ofThisBoot } from './observe-loading.ts';
import { observeSignatures, withKeys } from './observe-signing.ts';
import { besidePackaged, unclaimedModules, withoutPackaged } from './packaged-modules.ts';
import { observeUnrecorded } from './unrecorded.ts';
import { wantedSource } from './wanted-source.ts';

/** Programs that a build runs; kbuild, dkms and the compilers of the kernels at hand. */
const TOOLS = ['dkms', 'make', 'gcc', 'cc', 'clang', 'ld', 'ld.lld', 'modinfo', 'depmod'];

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
  const modules = await observeModules(host, kernels);
  const packaged = await observePackaged(host, unclaimedModules(dkms, modules, remembered));
  const state = withoutPackaged(fs, remembered, { dkms, modules, packaged });
  const { checks, changed, settled } = await observeChecks(host, kernels, modules, dkms);
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
  const signing = observeSignatures(host, { config, dkms, kernels, modules });
  return {
    now: host.clock.now(),
    arch: machine.arch,
    runningRelease: machine.runningRelease,
    chrooted: machine.chrooted,
    config: settings.config,
    configWarnings: settings.warnings,
    kernels,
    lacks: observeLacks(kernels, wanted),
    archives: new Map(archives.map((one) => [one.release, one])),
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

type Restless = Pick<Observation, 'restless' | 'restlessSource'>;

const QUIET: Restless = { restless: new Map(), restlessSource: undefined };

/**
 * Only kernels that something would be built for, now or once their trees are complete, are looked at: a tree is five
 * thousand folders.
 */
async function findRestless(
  host: Host,
  config: Config,
  kernels: readonly Kernel[],
  modules: ReadonlyMap<string, ObservedModule>,
  state: State,
  source: DriverSource | undefined,
  settled: ReadonlySet<string>,
): Promise<Restless> {
  const since = host.clock.now() - config.watch.settle;
  const restless = new Map<string, number>();
  for (const { release, kind, buildTree, abiIdentity } of kernels) {
    const asBuilt = modules.has(release) && state.modules[release]?.abiIdentity === abiIdentity;
    const known = asBuilt || settled.has(release);
    if (known || kind === 'sources-only' || buildTree.path === undefined) continue;
    const changed = await changedSince(host, buildTree.path, since);
    if (changed !== undefined) restless.set(release, changed);
  }
  const changed = source === undefined ? undefined : await changedSince(host, source.path, since);
  if (source === undefined || changed === undefined) return { restless, restlessSource: undefined };
  return { restless, restlessSource: { path: source.path, changed } };
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

/** What a killed run of ours left: a staged build and half-written files. Nobody else writes there. */
function ownRemains(fs: HostFs, state: State, modules: ReadonlyMap<string, ObservedModule>): Remains[] {
  if (runUnderWay(fs) !== undefined) return [];
  const drafts = [STATE_FOLDER, BUILD_LOGS, ARCHIVE_FOLDER].flatMap((folder) =>
    fs.list(folder).flatMap((name) => (/^\..+\.\d+\.new$/.test(name) ? [`${folder}/${name}`] : [])),
  );
  const staged = [STAGING, UNPACKED].filter((path) => fs.exists(path));
  const own = (path: string): Remains => ({
    what: 'own',
    path,
    text: `${path} is left from a run that was killed`,
  });
  return [...[...staged, ...drafts].map(own), ...keptModules(fs, state, modules, own)];
}

/** The module as it was before an installation that was killed: put back where that had got no further. */
function keptModules(
  fs: HostFs,
  { intent }: State,
  modules: ReadonlyMap<string, ObservedModule>,
  worthless: (path: string) => Remains,
): Remains[] {
  if (intent?.step !== 'install') return [];
  const module = modules.get(intent.release);
  const lost = module === undefined || module.broken !== undefined;
  return findKept(fs, intent.release, intent.kept).map((path) =>
    lost
      ? { what: 'kept-module', path, text: `the module of ${intent.release} is to be put back` }
      : worthless(path),
  );
}

/** Only where something would have to be written. */
function readOnlySources(fs: HostFs, sources: readonly DriverSource[]): Set<string> {
  const toWrite = sources.filter(({ ownershipLines }) => ownershipLines.length > 0);
  return new Set(toWrite.map(({ path }) => path).filter((path) => fs.onReadOnly(`${path}/dkms.conf`)));
}

function observeWantedRule(
  fs: HostFs,
  source: DriverSource | undefined,
  state: State,
): ObservedRule | undefined {
  return source === undefined ? undefined : observeRule(fs, source.path, state.rule);
}

/** A kernel whose build tree is gone cannot tell any more where it came from; the state can. */
export function withRememberedOrigins(kernels: readonly Kernel[], state: State): Kernel[] {
  return kernels.map((kernel) => {
    const { origin, buildTree } = kernel;
    const remembered = state.origins[kernel.release];
    // Sources of the same release, without a link to them, prove nothing.
    const guessed = origin.kind === 'hand-built' && buildTree.path === undefined;
    return remembered !== undefined && (origin.kind === 'unknown' || guessed)
      ? { ...kernel, origin: remembered }
      : kernel;
  });
}

/** Releases that something is remembered of, though their folders may be gone. */
function recordedReleases(dkms: DkmsObservation, state: State): string[] {
  return [
    ...dkms.active.map((link) => link.release),
    ...dkms.versions.flatMap((version) => version.built.map((one) => one.release)),
    ...Object.keys(state.modules),
    ...Object.keys(state.failures),
  ];
}

async function observeModules(host: Host, kernels: readonly Kernel[]): Promise<Map<string, ObservedModule>> {
  const installed = kernels.filter((kernel) => kernel.kind !== 'sources-only');
  const found = await observeInstalled(
    host,
    installed.map((kernel) => kernel.release),
  );
  const modules = new Map<string, ObservedModule>();
  for (const kernel of installed) {
    const module = found.get(kernel.release);
    if (module === undefined) continue;
    const isKnown = kernel.abiIdentity !== undefined && ownTree(kernel.buildTree) !== undefined;
    const configuration = isKnown ? kernel.configuration : undefined;
    const mismatch =
      module.unread === undefined ? vermagicMismatch(module, kernel.release, configuration) : undefined;
    modules.set(kernel.release, { ...module, mismatch });
  }
  return modules;
}

function unreadModules(modules: ReadonlyMap<string, ObservedModule>): string[] {
  return [...modules.values()].flatMap(({ path, unread }) => (unread === undefined ? [] : [path]));
}

async function excludedReleases(config: Config, kernels: readonly Kernel[]): Promise<Set<string>> {
  if (config.kernels.exclude.length === 0) return new Set();
  // Few machines exclude anything, and a pattern library takes milliseconds to load.
  const { default: picomatch } = await import('picomatch');
  const excluded = picomatch([...config.kernels.exclude]);
  return new Set(kernels.map((kernel) => kernel.release).filter((release) => excluded(release)));
}

function observeLacks(kernels: readonly Kernel[], source: DriverSource | undefined): Map<string, Lack> {
  // Without a source nothing is built, and what the next one will need is not known.
  const calls = source?.calls ?? { surely: {}, maybe: [] };
  return new Map(
    kernels.flatMap((kernel) => {
      const options = lackingOptions(kernel, calls).filter(({ breaks }) => breaks === 'surely');
      return options.length === 0
        ? []
        : [[kernel.release, { options, hint: howToSet(kernel, options) }] as const];
    }),
  );
}

/** Reading Module.symvers costs milliseconds a kernel, so it is read only where its size or time is another. */
function changedAbis(fs: HostFs, kernels: readonly Kernel[], state: State): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const { release, abiIdentity, buildTree } of kernels) {
    const module = state.modules[release];
    const old = module?.configuration === undefined ? module : undefined;
    const remembered = [old, state.failures[release]].filter((one) => one !== undefined);
    const path = buildTree.path;
    if (path !== undefined && remembered.some((one) => one.abiIdentity !== abiIdentity)) {
      hashes.set(release, abiHash(fs, path));
    }
  }
  return hashes;
}

/** Only where one was in the way before: what depmod's settings say is of no interest to anybody else. */
function observeShadows(fs: HostFs, state: State): Map<string, string> {
  return new Map(
    Object.entries(state.failures).flatMap(([release, { shadow }]) =>
      shadow === undefined ? [] : [[release, shadowIdentity(fs, release)] as const],
    ),
  );
}

function toolIdentities(fs: HostFs, kernels: readonly Kernel[]): Map<string, string> {
  const identify = (name: string): string[] => {
    const info = fs.stat(`/usr/bin/${name}`) ?? fs.stat(`/usr/sbin/${name}`);
    return info === undefined ? [] : [`${name}:${info.size}.${Math.floor(info.modified)}`];
  };
  const common = TOOLS.flatMap(identify);
  return new Map(
    kernels.map(({ release, compiler }) => {
      const name = compiler?.match(/^[\w.+-]+/)?.[0];
      return [release, [...common, ...(name === undefined ? [] : identify(name))].join(' ')];
    }),
  );
}
