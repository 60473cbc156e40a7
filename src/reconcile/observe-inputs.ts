// What builds depend on beside modules: kernels and their configurations, sources, tools.
import type { Config } from '../config/config.ts';
import type { DkmsObservation } from '../dkms/tree.ts';
import type { DriverSource } from '../driver/driver.ts';
import { type ObservedRule, observeRule } from '../driver/rule.ts';
import type { HostFs } from '../host/fs.ts';
import { abiHash } from '../kernels/abi.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { howToSet, lackingOptions } from '../kernels/needed-options.ts';
import type { State } from '../state/state.ts';
import type { Lack } from './observation.ts';

/** Programs that a build runs; kbuild, dkms and the compilers of the kernels at hand. */
const TOOLS = ['dkms', 'make', 'gcc', 'cc', 'clang', 'ld', 'ld.lld', 'modinfo', 'depmod'];

/** Only where something would have to be written. */
export function readOnlySources(fs: HostFs, sources: readonly DriverSource[]): Set<string> {
  const toWrite = sources.filter(({ ownershipLines }) => ownershipLines.length > 0);
  return new Set(toWrite.map(({ path }) => path).filter((path) => fs.onReadOnly(`${path}/dkms.conf`)));
}

export function observeWantedRule(
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
export function recordedReleases(dkms: DkmsObservation, state: State): string[] {
  return [
    ...dkms.active.map((link) => link.release),
    ...dkms.versions.flatMap((version) => version.built.map((one) => one.release)),
    ...Object.keys(state.modules),
    ...Object.keys(state.failures),
  ];
}

export async function excludedReleases(config: Config, kernels: readonly Kernel[]): Promise<Set<string>> {
  if (config.kernels.exclude.length === 0) return new Set();
  // Few machines exclude anything, and a pattern library takes milliseconds to load.
  const { default: picomatch } = await import('picomatch');
  const excluded = picomatch([...config.kernels.exclude]);
  return new Set(kernels.map((kernel) => kernel.release).filter((release) => excluded(release)));
}

export function observeLacks(
  kernels: readonly Kernel[],
  source: DriverSource | undefined,
): Map<string, Lack> {
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
export function changedAbis(fs: HostFs, kernels: readonly Kernel[], state: State): Map<string, string> {
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

export function toolIdentities(fs: HostFs, kernels: readonly Kernel[]): Map<string, string> {
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
