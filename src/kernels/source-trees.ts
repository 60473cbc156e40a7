// Source trees in /usr/src: which release each was built as or would give.
import type { HostFs } from '../host/fs.ts';
import { makefileVersion, treeRelease } from './build-tree.ts';
import { readOption } from './configuration.ts';

export interface SourceTree {
  readonly path: string;
  /** The release it was built as, or will be as far as its Makefile and configuration tell. */
  readonly release: string;
}

/**
 * The kernel source trees in `/usr/src`. Headers of Debian's packages are no source trees, and links
 * (Gentoo's `/usr/src/linux`) lead to one that is listed anyway.
 */
export function observeSourceTrees(fs: HostFs): SourceTree[] {
  const trees: SourceTree[] = [];
  for (const name of fs.list('/usr/src')) {
    const path = `/usr/src/${name}`;
    if (!/^linux-/.test(name) || /^linux-(headers|kbuild|config|source)-/.test(name)) continue;
    if (fs.lstat(path)?.kind !== 'folder') continue;
    const release = treeRelease(fs, path) ?? expectedRelease(fs, path);
    if (release !== undefined) trees.push({ path, release });
  }
  return trees;
}

/** The release that building the tree would give: the Makefile's numbers and the configured suffix. */
function expectedRelease(fs: HostFs, path: string): string | undefined {
  const version = makefileVersion(fs, path);
  const suffix = readOption(fs.readText(`${path}/.config`) ?? '', 'LOCALVERSION') ?? '';
  return version === undefined ? undefined : `${version}${suffix}`;
}
