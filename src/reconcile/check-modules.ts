// Installed modules against the build trees of their kernels: read once, then known by the files' identities.
import { builtFor, builtModules, type DkmsObservation } from '../dkms/tree.ts';
import type { KnownInfo } from '../driver/driver.ts';
import { importedSymbols } from '../driver/imports.ts';
import { readModule } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { fileIdentity } from '../host/file-identity.ts';
import { fileHash } from '../host/hash.ts';
import type { Host } from '../host/host.ts';
import { ABI_FILES } from '../kernels/build-tree.ts';
import { codeOptions } from '../kernels/configuration.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { readSymbolVersions } from '../kernels/symbol-versions.ts';
import type { Checks, ModuleCheck, SymbolCheck } from '../state/checks.ts';
import { symbolsReason } from './facts.ts';
import type { ObservedModule } from './observation.ts';

/** How many differing symbols are kept by name: who looks wants examples. */
const EXAMPLES = 8;

export interface ObservedChecks {
  /** By release. */
  readonly checks: ReadonlyMap<string, ModuleCheck>;
  /** Something had to be read: worth writing down. */
  readonly changed: boolean;
  /** Releases whose module fits what an earlier look has seen too: nobody has written to their trees since. */
  readonly settled: ReadonlySet<string>;
}

/** Each sound module's check. Nothing is read of what has not changed since the last one. */
export async function observeChecks(
  host: Host,
  kernels: readonly Kernel[],
  modules: ReadonlyMap<string, ObservedModule>,
  dkms: DkmsObservation,
  known: Checks,
): Promise<ObservedChecks> {
  const checks = new Map<string, ModuleCheck>();
  const settled = new Set<string>();
  let changed = false;
  for (const kernel of kernels) {
    const module = modules.get(kernel.release);
    if (module === undefined || module.broken !== undefined || module.unread !== undefined) continue;
    const built = builtPath(host, dkms, module);
    const identity = identify(host, [module.path, ...(built === undefined ? [] : [built])]);
    const tree = identifyTree(host, kernel);
    const last = known[kernel.release];
    const same = last?.identity === identity && last.read?.identity === module.identity ? last : undefined;
    if (same?.tree === tree) {
      checks.set(kernel.release, same);
      if (same.symbols?.differing === 0) settled.add(kernel.release);
    } else if (same !== undefined && tree === '') {
      // Nothing is left to be read: what was found is kept for when the tree is back.
      checks.set(kernel.release, { ...same, ...NO_TREE });
    } else {
      checks.set(kernel.release, await checkModule(host, kernel, module, built, { identity, tree }));
      changed = true;
    }
  }
  return { checks, settled, changed };
}

const NO_TREE = {
  tree: '',
  configuration: undefined,
  codeOptions: undefined,
  symbolVersions: undefined,
  symbols: undefined,
} as const;

/** Files in one word: paths, numbers, sizes and times of change, which nobody can set back. */
function identify({ fs }: Host, paths: readonly string[]): string {
  return paths.map((path) => fileIdentity(fs, path)).join(' ');
}

function identifyTree(host: Host, { buildTree }: Kernel): string {
  const tree = buildTree.path;
  return tree === undefined
    ? ''
    : identify(
        host,
        ABI_FILES.map((name) => `${tree}/${name}`),
      );
}

async function checkModule(
  host: Host,
  kernel: Kernel,
  module: ObservedModule,
  built: string | undefined,
  { identity, tree: treeIdentity }: Pick<ModuleCheck, 'identity' | 'tree'>,
): Promise<ModuleCheck> {
  const { fs } = host;
  const tree = kernel.buildTree.path;
  const file = fileHash(fs, module.path);
  // A module for another kernel is not compared: that it is one says all.
  const fits = module.mismatch === undefined;
  const compared = fits ? await compareSymbols(host, kernel, module.path) : undefined;
  const same = built !== undefined && fileHash(fs, built) === file;
  const isToRead = built !== undefined && !same && module.sourceVersion !== undefined;
  const sourceVersion = isToRead
    ? (await readModule(host, kernel.release, built)).sourceVersion
    : same
      ? module.sourceVersion
      : undefined;
  return {
    // What could not be looked at this time is looked at again.
    identity: compared?.failed ? '' : identity,
    read: readOf(module),
    tree: treeIdentity,
    file,
    modified: fs.stat(same ? built : module.path)?.modified ?? 0,
    configuration: tree === undefined ? undefined : fileHash(fs, `${tree}/${ABI_FILES[0]}`),
    codeOptions: tree === undefined ? undefined : codeOptions(kernel.configuration),
    symbolVersions: compared?.hash,
    symbols: compared?.symbols,
    built: built === undefined ? undefined : { same, sourceVersion },
  };
}

function readOf({ release: _, path: __, mismatch: ___, identity = '', ...info }: ObservedModule): KnownInfo {
  return { identity, info };
}

export interface ComparedSymbols {
  readonly symbols: SymbolCheck | undefined;
  readonly hash: string;
  /** The module could not be read. */
  readonly failed: boolean;
}

/**
 * The versions of all symbols that a module imports against those of the kernel's build tree; undefined where the
 * kernel does not check them, or its tree cannot tell.
 */
export async function compareSymbols(
  host: Pick<Host, 'fs' | 'exec'>,
  kernel: Pick<Kernel, 'configuration' | 'buildTree'>,
  path: string,
): Promise<ComparedSymbols | undefined> {
  const tree = kernel.buildTree.path;
  if (tree === undefined || kernel.configuration.MODVERSIONS !== 'y') return undefined;
  const isExtended = kernel.configuration.EXTENDED_MODVERSIONS === 'y';
  const imported = await importedSymbols(host, path, isExtended);
  const found = readSymbolVersions(host.fs, tree, new Set(imported?.keys()));
  if (found === undefined) return undefined;
  const rest = { hash: found.hash, failed: imported === undefined };
  if (imported === undefined || imported.size === 0) return { ...rest, symbols: undefined };
  const differing = [...imported]
    .map(([name, module]) => ({ name, module, kernel: found.versions.get(name) }))
    .filter((one) => Number(one.module) !== Number(one.kernel));
  return {
    ...rest,
    symbols: { compared: imported.size, differing: differing.length, first: differing.slice(0, EXAMPLES) },
  };
}

/** Why a kernel would refuse a module for a symbol's version, as far as its build tree tells. */
export async function symbolsMismatch(
  host: Pick<Host, 'fs' | 'exec'>,
  kernel: Pick<Kernel, 'configuration' | 'buildTree'>,
  path: string,
): Promise<string | undefined> {
  const symbols = (await compareSymbols(host, kernel, path))?.symbols;
  return symbols === undefined || symbols.differing === 0 ? undefined : symbolsReason(symbols);
}

/** What dkms has built of the version that is installed. */
function builtPath({ fs }: Host, dkms: DkmsObservation, module: ObservedModule): string | undefined {
  const builds = builtFor(dkms, PACKAGE, module.release);
  const build = builds.find(({ version }) => version === module.version) ?? builds[0];
  return build === undefined ? undefined : builtModules(fs, build.folder)[0];
}
