// What a step of a build is about, and what its result depends on.
import { PACKAGE } from '../driver/sources.ts';
import { abiHashes } from '../kernels/abi.ts';
import { abiIdentity } from '../kernels/build-tree.ts';
import { codeOptions } from '../kernels/configuration.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Fingerprint } from '../state/state.ts';
import { isArchived } from './plan-archives.ts';
import type { Work } from './work.ts';

/** A step with what its build was begun from. */
export type Begun<S> = S & { readonly builtFrom: Fingerprint };

/** What a module that is built from now on depends on: taken before dkms reads the same files. */
export function fingerprint(work: Work, release: string, version: string): Fingerprint {
  const kernel = findKernel(work, release);
  const path = kernel.buildTree.path;
  const archived = isArchived(work.observation, kernel) ? work.state.archives?.[release] : undefined;
  if (archived !== undefined) {
    const { abiIdentity, abiHash } = archived;
    return { version, sourceHash: sourceHash(work, version), abiIdentity, abiHash };
  }
  const hashes = path === undefined ? undefined : abiHashes(work.host.fs, path);
  return {
    version,
    sourceHash: sourceHash(work, version),
    abiIdentity: kernel.abiIdentity,
    abiHash: hashes?.whole,
    configuration: hashes?.configuration,
    symbolVersions: hashes?.symbolVersions,
    compiler: kernel.compiler,
    codeOptions: codeOptions(kernel.configuration),
    signer: work.observation.signing.kernels.get(release)?.key?.identity?.hash,
  };
}

/** Whether a kernel's build tree is another by now than the one that was looked at: what failed may not fail again. */
export function isTreeChanged(work: Work, release: string): boolean {
  const { abiIdentity: seen, buildTree } = findKernel(work, release);
  if (seen === undefined || buildTree.path === undefined) return false;
  return abiIdentity(work.host.fs, buildTree.path) !== seen;
}

/** What was seen a moment ago may be on its way out: then nothing that is done for it can succeed. */
export function isKernelGone({ host }: Work, release: string): boolean {
  return !host.fs.exists(`/lib/modules/${release}`);
}

function sourceHash({ observation }: Work, version: string): string {
  return observation.sources.find((source) => source.version === version)?.hash ?? '';
}

export function target(
  work: Pick<Work, 'observation'>,
  step: { readonly version: string; readonly release: string },
) {
  const { version, release } = step;
  return { packageName: PACKAGE, version, release, arch: work.observation.arch };
}

export function findKernel(work: Work, release: string): Kernel {
  const kernel = work.observation.kernels.find((one) => one.release === release);
  if (kernel === undefined) throw new Error(`no kernel ${release} was seen`);
  return kernel;
}

/** Whether the signal came from a time limit and not from a person. */
export function timeIsUp(signal: AbortSignal): boolean {
  return signal.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError';
}
