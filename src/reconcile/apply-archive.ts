// Makes and drops archives of build trees, and gives builds the tree that an archive holds.
import { TtkmdError } from '../host/errors.ts';
import { type KernelArchive, makeArchive, observeArchives, whyNotArchived } from '../kernels/archive.ts';
import { examineTree } from '../kernels/build-tree.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { removeUnpacked, unpackArchive } from '../kernels/unpack-archive.ts';
import { signingOptions } from '../signing/enforcement.ts';
import type { ArchiveRecord } from '../state/state.ts';
import { judge } from './judge.ts';
import { fitting, isArchived } from './plan-archives.ts';
import type { Step } from './step.ts';
import { findKernel, fingerprint } from './target.ts';
import { type Outcome, remember, type Work } from './work.ts';

export async function applyArchive(work: Work, step: Extract<Step, { kind: 'archive' }>): Promise<Outcome> {
  const { host } = work;
  const { release } = step;
  if (work.isAwaited()) return LEFT;
  const kernel = findKernel(work, release);
  const tree = kernel.buildTree.path ?? '';
  const { abiIdentity, abiHash: hash } = fingerprint(work, release, '');
  const signing = {
    configuration: signingOptions(kernel.configuration),
    builtIn: work.observation.signing.kernels.get(release)?.builtIn,
  };
  const write = (record: Partial<ArchiveRecord>): boolean =>
    remember(work, {
      archives: {
        ...work.state.archives,
        [release]: { abiIdentity, abiHash: hash, bytes: undefined, signing, ...record },
      },
    });
  const why = whyNotArchived(host.fs, tree);
  if (why !== undefined) {
    write({});
    return { outcome: 'done', text: `not kept: ${why}` };
  }
  const way = new AbortController();
  try {
    const archive = await untilAwaited(work, way, (signal) =>
      makeArchive(host, release, tree, { ...tarSettings(work), signal }),
    );
    if (examineTree(host.fs, tree, release).abiIdentity !== abiIdentity) {
      host.fs.remove(archive.path);
      return { outcome: 'skipped', text: 'the build tree changed meanwhile' };
    }
    write({ bytes: archive.bytes });
    dropWhatDoesNotFit(work);
    const kept = host.fs.exists(archive.path);
    const size = `${Math.max(1, Math.round(archive.bytes / 1024 ** 2))} MiB`;
    return {
      outcome: 'done',
      text: kept ? `kept, ${size}` : `not kept: ${size} are too much for kernels.archive_size`,
    };
  } catch (error) {
    if (work.signal.aborted) return { outcome: 'cancelled', text: 'stopped' };
    if (way.signal.aborted) return LEFT;
    write({ transient: true });
    throw error;
  }
}

/** An archive takes minutes where all else is at work, and a kernel that is being installed shall not wait for it. */
const LEFT: Outcome = { outcome: 'skipped', text: 'left for later, since another run waits for this one' };

/** Milliseconds between two looks at who waits. */
const POLL = 500;

/** Does what can be done later as long as nobody waits for the lock, and ends it once somebody does. */
async function untilAwaited<T>(
  { host, isAwaited, signal }: Work,
  way: AbortController,
  make: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let isOver = false;
  const watch = async (): Promise<void> => {
    while (!isOver && !way.signal.aborted) {
      if (isAwaited()) way.abort();
      else await host.clock.sleep(POLL);
    }
  };
  void watch();
  try {
    return await make(AbortSignal.any([signal, way.signal]));
  } finally {
    isOver = true;
  }
}

/** Another kernel's that counts for less makes way. */
function dropWhatDoesNotFit(work: Work): void {
  const { fs } = work.host;
  const there = observeArchives(fs);
  const archives = new Map(there.map((one) => [one.release, one]));
  const room = fitting(judge({ ...work.observation, archives, state: work.state }));
  for (const { release, path } of there) if (!room.has(release)) fs.remove(path);
}

export function applyDropArchive(work: Work, step: Extract<Step, { kind: 'dropArchive' }>): Outcome {
  work.host.fs.remove(step.path);
  return { outcome: 'done', text: `removed ${step.path}` };
}

/** Everything that is kept of a release's build tree goes. */
export function forgetArchive({ host }: Pick<Work, 'host'>, release: string): void {
  for (const one of observeArchives(host.fs)) if (one.release === release) host.fs.remove(one.path);
}

/** A build tree to build in, and the folder for dkms where that is not the one that it finds by itself. */
export interface ReadyTree {
  readonly kernel: Kernel;
  readonly folder: string | undefined;
}

/**
 * Does something with a kernel's build tree: its own, or the one from the archive, which is unpacked for that long.
 * @param unusable what is done where the archive is not to be built from
 */
export async function withBuildTree(
  work: Work,
  kernel: Kernel,
  use: (tree: ReadyTree) => Promise<Outcome>,
  unusable: (error: TtkmdError) => Outcome,
): Promise<Outcome> {
  const { host, observation } = work;
  const archive = observation.archives.get(kernel.release);
  if (archive === undefined || !isArchived(observation, kernel)) return use({ kernel, folder: undefined });
  try {
    const ready = await unpacked(work, kernel, archive);
    return await use(ready);
  } catch (error) {
    if (!(error instanceof TtkmdError)) throw error;
    return work.signal.aborted ? { outcome: 'cancelled', text: 'stopped' } : unusable(error);
  } finally {
    removeUnpacked(host.fs);
  }
}

async function unpacked(work: Work, kernel: Kernel, archive: KernelArchive): Promise<ReadyTree> {
  const { fs } = work.host;
  const made = work.state.archives?.[kernel.release]?.abiHash;
  const folder = await unpackArchive(work.host, archive, made, tarSettings(work));
  const { configuration, tree } = examineTree(fs, folder, kernel.release);
  const whole = { ...kernel, configuration, compiler: configuration.CC_VERSION_TEXT, buildTree: tree };
  return { kernel: whole, folder };
}

function tarSettings({ signal, descriptor }: Work): { signal: AbortSignal; keepOpen: number } {
  return { signal, keepOpen: descriptor };
}
