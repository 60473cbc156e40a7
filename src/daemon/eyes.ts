// Keeps the right folders watched: kernels come and go, and inotify runs out.
import { basename } from 'node:path';
import type { Host } from '../host/host.ts';
import { type FolderWatch, watchFolders } from '../host/watch.ts';
import { type Topic, tellingFolders, watchIdentity } from './telling-folders.ts';

export interface Eyes {
  /** False where inotify has run out: then nothing is heard, and all is to be looked at every few minutes. */
  readonly open: boolean;
  /** Watches what is there now. What happens after this is heard. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** What happens to the daemon's own folder, by what it happens to: `ttkmd` is the folder itself. */
const IN_OWN_FOLDER: Readonly<Record<string, Topic | 'served'>> = {
  'run.json': 'runs',
  'status.sock': 'served',
  'control.sock': 'served',
  'status.json': 'served',
  ttkmd: 'served',
};

/**
 * @param onChange what a change is about; `served` is what the daemon keeps there for others
 * @param begin begins a watch
 */
export function createEyes(
  host: Host,
  onChange: (topic: Topic | 'served') => void,
  begin: typeof watchFolders = watchFolders,
): Eyes {
  let watch: FolderWatch | undefined;
  let identity = '';
  /** A folder may have been removed since, and its watch with it: one that is made anew can have its inode again. */
  let stale = false;
  let blind = false;
  let over = false;
  let pending: Promise<void> | undefined;

  const closeEyes = async (): Promise<void> => {
    const old = watch;
    watch = undefined;
    identity = '';
    await old?.close();
  };
  const lose = (error: NodeJS.ErrnoException): void => {
    if (!blind) host.log.warn(`folders cannot be watched: ${why(error)}; looking every few minutes instead`);
    blind = true;
    void closeEyes();
  };

  async function look(): Promise<void> {
    const wasStale = stale;
    stale = false;
    const topics = tellingFolders(host.fs);
    const wanted = watchIdentity(host.fs, topics.keys());
    if (watch !== undefined && wanted === identity && !wasStale) return;
    const old = watch;
    try {
      watch = await begin([...topics.keys()], {
        onError: lose,
        onChange(folder, name) {
          // So arrives what happens to the folder itself: it went, or its rights are others.
          if (name === basename(folder)) stale = true;
          const topic = topics.get(folder) ?? 'kernels';
          const told = topic === 'runs' ? IN_OWN_FOLDER[name ?? ''] : topic;
          if (told !== undefined) onChange(told);
        },
      });
      identity = wanted;
      if (blind) host.log.info('folders are watched again');
      blind = false;
    } catch (error) {
      lose(error as NodeJS.ErrnoException);
    }
    // Only now: what happened meanwhile was heard by the old one.
    await old?.close();
  }

  return {
    get open() {
      return !blind;
    },
    async close() {
      over = true;
      // A watch that is being made would keep the process from ending.
      await pending;
      await closeEyes();
    },
    async refresh() {
      while (pending !== undefined) await pending;
      if (over) return;
      pending = look().finally(() => {
        pending = undefined;
      });
      await pending;
    },
  };
}

function why({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOSPC') return 'inotify has no watches left (raise it: sysctl fs.inotify.max_user_watches)';
  if (code === 'EMFILE')
    return 'inotify has no instances left (raise it: sysctl fs.inotify.max_user_instances)';
  return message;
}
