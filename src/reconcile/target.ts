// What a step of a build is about, and what its result depends on.
import { PACKAGE } from '../driver/sources.ts';
import { fileHash } from '../host/hash.ts';
import { abiHash } from '../kernels/abi.ts';
import { ABI_FILES } from '../kernels/build-tree.ts';
import { codeOptions } from '../kernels/configuration.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Fingerprint } from '../state/state.ts';
import { isArchived } from './plan-archives.ts';
import type { Work } from './work.ts';

/** What a module that is built now depends on. */
export function fingerprint(work: Work, release: string, version: string): Fingerprint {
  const kernel = findKernel(work, release);
  const path = kernel.buildTree.path;
  const archived = isArchived(work.observation, kernel) ? work.state.archives?.[release] : undefined;
  if (archived !== undefined) {
    const { abiIdentity, abiHash } = archived;
    return { version, sourceHash: sourceHash(work, version), abiIdentity, abiHash };
  }
  return {
    version,
    sourceHash: sourceHash(work, version),
    abiIdentity: kernel.abiIdentity,
    abiHash: path === undefined ? undefined : abiHash(work.host.fs, path),
    configuration: path === undefined ? undefined : fileHash(work.host.fs, `${path}/${ABI_FILES[0]}`),
    symbolVersions: path === undefined ? undefined : fileHash(work.host.fs, `${path}/${ABI_FILES[1]}`),
    compiler: kernel.compiler,
    codeOptions: codeOptions(kernel.configuration),
    signer: work.observation.signing.kernels.get(release)?.key?.identity?.hash,
  };
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
