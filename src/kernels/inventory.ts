// Every kernel of the host: from /lib/modules and from source trees, each recognised as what it is.
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { distKernelOf, examineTree, observeBuildTree } from './build-tree.ts';
import { type FindImage, observeImages } from './images.ts';
import type { Kernel, KernelKind, Origin } from './kernel.ts';
import { observeSourceTrees, type SourceTree } from './source-trees.ts';
import { compareReleases } from './versions.ts';

const MODULES_FOLDER = '/lib/modules';

/** Names in `/lib/modules/<release>` that only a kernel's own installation puts there. */
const KERNELS_OWN = new Set(['modules.builtin', 'modules.order', 'modules.builtin.modinfo']);

/**
 * All kernels, the newest release first. Reads only, and without root too.
 * @param recorded releases that are to be listed even where their folders are gone
 */
export function observeKernels(
  host: Pick<Host, 'fs' | 'machine'>,
  recorded: readonly string[] = [],
): Kernel[] {
  const { fs, machine } = host;
  const findImage = observeImages(fs);
  const trees = observeSourceTrees(fs);
  const folders = fs
    .list(MODULES_FOLDER)
    .filter((name) => !name.startsWith('.') && fs.stat(`${MODULES_FOLDER}/${name}`)?.kind === 'folder');
  const others = new Set([...folders, machine.runningRelease]);
  const kernels = folders.map((release) => {
    const kernel = observeKernel(fs, release, findImage, trees, machine.runningRelease);
    const original = copiedFrom(release);
    const isCopy = original !== undefined && (others.has(original) || findImage(original) !== undefined);
    return isCopy && !kernel.running ? { ...kernel, kind: 'backup' as const } : kernel;
  });
  const known = new Set(kernels.map((kernel) => kernel.release));
  const usedTrees = new Set(kernels.map((kernel) => kernel.buildTree.path));
  for (const tree of trees) {
    if (!known.has(tree.release) && !usedTrees.has(tree.path))
      kernels.push(fromSources(fs, tree, machine.runningRelease, findImage));
  }
  const running = machine.runningRelease;
  const expected = new Set([...recorded, ...(running === undefined ? [] : [running])]);
  for (const release of expected) {
    if (!kernels.some((kernel) => kernel.release === release)) {
      kernels.push(withoutFolder(fs, release, release === running, findImage(release)));
    }
  }
  return kernels.sort((a, b) => compareReleases(b.release, a.release));
}

function observeKernel(
  fs: HostFs,
  release: string,
  findImage: FindImage,
  trees: readonly SourceTree[],
  runningRelease: string | undefined,
): Kernel {
  const folder = `${MODULES_FOLDER}/${release}`;
  const { tree, configuration, abiIdentity, distKernel } = observeBuildTree(fs, release, folder);
  const image = findImage(release) ?? (fs.exists(`${folder}/vmlinuz`) ? `${folder}/vmlinuz` : undefined);
  const sourceTree = trees.find((one) => one.path === tree.path || one.release === release)?.path;
  return {
    release,
    kind: kindOf(
      release,
      release === runningRelease,
      holdsModules(fs, folder),
      tree.path !== undefined,
      image !== undefined,
    ),
    running: release === runningRelease,
    origin: originOf(
      fs,
      release,
      distKernel ??
        (tree.path === undefined && sourceTree !== undefined ? distKernelOf(fs, sourceTree) : undefined),
      sourceTree !== undefined || tree.path !== undefined,
    ),
    image,
    buildTree: tree,
    sourceTree,
    compiler: configuration.CC_VERSION_TEXT,
    configuration,
    abiIdentity,
    lastChange: Math.max(modified(fs, folder), modified(fs, MODULES_FOLDER), modified(fs, '/boot')),
  };
}

/**
 * The release that a folder is a copy of, by its name: people and editors put copies aside so. A dash or a number
 * makes a release of its own (CONFIG_LOCALVERSION), and so may the rest, where the other is not known.
 */
function copiedFrom(release: string): string | undefined {
  return release.match(
    /^(.+?)(?:\.(?:bak|backup|bkp|copy|old|orig|prev|sav|saved?)(?:[-.]?\d[-.\d]*)?|\.~\d+~|~)$/,
  )?.[1];
}

/** What a folder in `/lib/modules` is. A kernel that Portage depcleaned keeps its modules and its image: it boots. */
function kindOf(
  release: string,
  running: boolean,
  hasModules: boolean,
  hasTree: boolean,
  hasImage: boolean,
): KernelKind {
  // Installers call them so themselves.
  if (/\.old$/.test(release) && !running) return 'backup';
  if (hasModules) return 'installed';
  if (hasTree) return 'headers-only';
  return hasImage ? 'installed' : 'leftover';
}

/**
 * Whether a kernel's own modules are there. Dkms puts ours into kernel/extra on Gentoo, and into kernel/drivers/misc
 * where its dkms.conf says so: either proves nothing.
 */
function holdsModules(fs: HostFs, folder: string): boolean {
  if (fs.list(folder).some((name) => KERNELS_OWN.has(name))) return true;
  const own = fs.list(`${folder}/kernel`).filter((name) => name !== 'extra');
  if (own.some((name) => name !== 'drivers')) return true;
  return own.length > 0 && fs.list(`${folder}/kernel/drivers`).some((name) => name !== 'misc');
}

function originOf(fs: HostFs, release: string, distKernel: string | undefined, hasTree: boolean): Origin {
  if (distKernel !== undefined) return { kind: 'dist-kernel', package: distKernel };
  for (const name of [
    `linux-image-${release}`,
    `linux-image-${release}-unsigned`,
    `linux-headers-${release}`,
  ]) {
    if (fs.exists(`/var/lib/dpkg/info/${name}.list`)) return { kind: 'distribution', package: name };
  }
  return hasTree ? { kind: 'hand-built' } : { kind: 'unknown' };
}

function fromSources(
  fs: HostFs,
  tree: SourceTree,
  runningRelease: string | undefined,
  findImage: FindImage,
): Kernel {
  const facts = examineTree(fs, tree.path, tree.release);
  const missing = facts.tree.ready
    ? [
        {
          code: 'not-installed' as const,
          text: `built in ${tree.path}, but its modules are not installed: run "make modules_install install" there`,
        },
      ]
    : facts.tree.missing;
  return {
    release: tree.release,
    kind: 'sources-only',
    running: tree.release === runningRelease,
    origin:
      facts.distKernel === undefined
        ? { kind: 'hand-built' }
        : { kind: 'dist-kernel', package: facts.distKernel },
    image: findImage(tree.release),
    buildTree: { path: tree.path, ready: false, missing },
    sourceTree: tree.path,
    compiler: facts.configuration.CC_VERSION_TEXT,
    configuration: facts.configuration,
    abiIdentity: facts.abiIdentity,
    lastChange: Math.max(modified(fs, MODULES_FOLDER), modified(fs, '/boot')),
  };
}

/** A kernel without a folder in `/lib/modules`: built without modules, or its modules were removed. */
function withoutFolder(fs: HostFs, release: string, running: boolean, image: string | undefined): Kernel {
  const text = `${MODULES_FOLDER}/${release} does not exist: no loadable modules are installed for this kernel`;
  return {
    release,
    kind: 'no-modules',
    running,
    origin: { kind: 'unknown' },
    image,
    buildTree: { path: undefined, ready: false, missing: [{ code: 'no-build-link', text }] },
    sourceTree: undefined,
    compiler: undefined,
    configuration: {},
    abiIdentity: undefined,
    lastChange: Math.max(modified(fs, MODULES_FOLDER), modified(fs, '/boot')),
  };
}

function modified(fs: HostFs, path: string): number {
  return fs.stat(path)?.modified ?? 0;
}
