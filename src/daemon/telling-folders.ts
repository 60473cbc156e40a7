// The few folders in which something happens whenever a kernel, a driver source or a setting comes, goes or changes.
import type { HostFs } from '../host/fs.ts';

/** What a change in a folder is about. */
export type Topic = 'kernels' | 'settings' | 'runs';

/**
 * Where the files appear that make a build tree ready, and change when it is built anew. Not include/config, though
 * auto.conf is there: it has seven thousand entries, and kconfig writes autoconf.h in include/generated with it.
 */
const IN_A_TREE = ['', '/include/generated', '/scripts/mod'];

const FIXED: readonly (readonly [string, Topic])[] = [
  ['/lib/modules', 'kernels'],
  ['/usr/src', 'kernels'],
  ['/boot', 'kernels'],
  ['/etc/ttkmd', 'settings'],
  ['/etc/ttkmd/ttkmd.conf.d', 'settings'],
  ['/run/ttkmd', 'runs'],
];

/**
 * The folders to watch: a handful, and no more than four for each kernel. For one that is not there yet, the nearest
 * one above it that is, but for settings.
 */
export function tellingFolders(fs: HostFs): Map<string, Topic> {
  const found = new Map<string, Topic>();
  const add = (path: string, topic: Topic): void => {
    // A busy folder such as /etc would tell of everything else.
    const real = topic === 'kernels' ? nearest(fs, path) : fs.realPath(path);
    if (real !== undefined && !found.has(real)) found.set(real, topic);
  };
  for (const [path, topic] of FIXED) add(path, topic);
  const trees = new Set<string>();
  for (const release of fs.list('/lib/modules')) {
    const folder = `/lib/modules/${release}`;
    if (fs.stat(folder)?.kind !== 'folder') continue;
    add(folder, 'kernels');
    const tree = fs.realPath(`${folder}/build`);
    if (tree !== undefined) trees.add(tree);
  }
  for (const name of fs.list('/usr/src')) {
    const path = `/usr/src/${name}`;
    if (/^linux-./.test(name) && fs.lstat(path)?.kind === 'folder') trees.add(fs.realPath(path) ?? path);
    if (/^tenstorrent-./.test(name)) add(path, 'kernels');
  }
  for (const tree of trees) for (const inside of IN_A_TREE) add(`${tree}${inside}`, 'kernels');
  return found;
}

function nearest(fs: HostFs, path: string): string | undefined {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    if (fs.stat(at)?.kind === 'folder') return fs.realPath(at);
  }
  return undefined;
}

/** Two lists of folders are the same watch only if the folders themselves are: one that was made anew is another. */
export function watchIdentity(fs: HostFs, folders: Iterable<string>): string {
  return [...folders]
    .sort()
    .map((path) => {
      const info = fs.stat(path);
      return `${path}:${info?.device}.${info?.inode}`;
    })
    .join('\n');
}
