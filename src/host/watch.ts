// Watches folders, each by itself and never what is below it.
import { type FSWatcher, watch } from 'chokidar';

export interface FolderWatch {
  /** How many folders are watched. */
  readonly size: number;
  close(): Promise<void>;
}

export interface WatchHandlers {
  /** Something came, went or changed in a folder; `name` is what it is called there, where the system says it. */
  readonly onChange: (folder: string, name: string | undefined) => void;
  /** Watching failed later on. */
  readonly onError: (error: NodeJS.ErrnoException) => void;
}

/**
 * Watches folders with one inotify watch each. What is in them is neither read nor followed: with chokidar's own
 * events one kernel tree costs ninety thousand watches and 600 MiB.
 * @throws what inotify says, ENOSPC where the user's watches or EMFILE where the instances run out
 */
export function watchFolders(folders: readonly string[], handlers: WatchHandlers): Promise<FolderWatch> {
  const wanted = new Set(folders);
  const watcher: FSWatcher = watch([...wanted], {
    depth: 0,
    followSymlinks: false,
    ignoreInitial: true,
    ignored: (path) => !wanted.has(path),
  });
  // chokidar's own events miss what it was told to ignore, which is every file.
  watcher.on('raw', (_, name, details) => {
    const folder = (details as { readonly watchedPath?: string }).watchedPath ?? '';
    handlers.onChange(folder, name || undefined);
  });
  return new Promise((resolve, reject) => {
    let ready = false;
    watcher.on('error', (error) => {
      if (ready) return handlers.onError(error as NodeJS.ErrnoException);
      void watcher.close();
      reject(error);
    });
    watcher.on('ready', () => {
      ready = true;
      resolve({ size: wanted.size, close: () => watcher.close() });
    });
  });
}
