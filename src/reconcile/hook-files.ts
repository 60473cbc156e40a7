// The admin's own programs on disk: which there are for an event, and why one is not run.
import { untrustedWay } from '../driver/trust.ts';
import type { HostFs } from '../host/fs.ts';

export const HOOKS_FOLDER = '/etc/ttkmd/hooks.d';

export type HookName = 'pre-reload' | 'post-reload' | 'build-failed' | 'build-succeeded';

export interface HookProgram {
  readonly path: string;
  /** Why it is not run. */
  readonly obstacle: string | undefined;
}

export function hasHooks(fs: HostFs, name: HookName): boolean {
  return findHooks(fs, name).length > 0;
}

/** The programs of a name, in the order in which they are run. */
export function findHooks(fs: HostFs, name: HookName): HookProgram[] {
  const path = `${HOOKS_FOLDER}/${name}`;
  const info = fs.stat(path);
  if (info?.kind !== 'folder') {
    return fs.lstat(path) === undefined ? [] : [{ path, obstacle: obstacle(fs, path) }];
  }
  return (
    fs
      .list(path)
      // What an editor or Portage's configuration protection leaves is not meant to run.
      .filter((file) => !file.startsWith('.') && !/~$|\.bak$|\.(?:rpm|dpkg)\w+$/.test(file))
      .map((file) => `${path}/${file}`)
      .filter((file) => fs.stat(file)?.kind !== 'folder' && isExecutable(fs, file))
      .map((file) => ({ path: file, obstacle: obstacle(fs, file) }))
  );
}

function isExecutable(fs: HostFs, path: string): boolean {
  const info = fs.stat(path);
  return info === undefined || (info.mode & 0o111) !== 0;
}

function obstacle(fs: HostFs, path: string): string | undefined {
  if (fs.stat(path)?.kind !== 'file') return 'is not run: it is no file';
  if (!isExecutable(fs, path)) return 'is not run: it is not executable';
  const text = untrustedWay(fs, path)?.text;
  if (text === undefined) return undefined;
  return `is not run: ${text.startsWith(`${path} `) ? `it${text.slice(path.length)}` : text}`;
}
