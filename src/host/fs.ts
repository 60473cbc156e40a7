// The file system under one root: absolute symbolic links are resolved inside it, writes are atomic.
import { dirname } from 'node:path';
import { makeFolders } from './folders.ts';
import { type FileInfo, fileInfo, pieces, type RawFs, readEnd, readFrom, readWhole } from './raw-fs.ts';
import { appendTo, type Content, replaceFile, syncFile, syncFolder, writeInPlace } from './raw-write.ts';
import { resolveInRoot } from './root-path.ts';

export type { FileInfo, RawFs } from './raw-fs.ts';
export type { Content } from './raw-write.ts';

export interface HostFs {
  /** Where a path of the root really is on this machine, links in its folders followed inside the root. */
  outer(path: string): string;
  /** The whole text of a file, or undefined where there is none, where it is no file, or may not be read. */
  readText(path: string): string | undefined;
  readBytes(path: string): Buffer | undefined;
  /** The last bytes of a file, or all of it where it is shorter. */
  readEnd(path: string, length: number): Buffer | undefined;
  /** The text of a growing file from a byte on, and where to go on next; undefined where there is no file. */
  readFrom(path: string, offset: number): { readonly text: string; readonly next: number } | undefined;
  /** The names in a folder, sorted; none where there is no such folder. */
  list(path: string): string[];
  /** What is at the end of all links; undefined where nothing is. */
  stat(path: string): FileInfo | undefined;
  /** What the path itself is; undefined where nothing is. */
  lstat(path: string): FileInfo | undefined;
  readLink(path: string): string | undefined;
  /** The path with all links followed, as seen from inside the root; undefined where it leads nowhere. */
  realPath(path: string): string | undefined;
  exists(path: string): boolean;
  /** Whether it lies on a file system that nobody can write to, root included. */
  onReadOnly(path: string): boolean;
  /** A file's bytes, some at a time; for files that are too big to be held. Throws where it cannot be read. */
  pieces(path: string): Iterable<Uint8Array>;
  /** Replaces a file in one step: after a power cut there is the old content or the new. */
  write(path: string, content: Content, mode?: number): void;
  append(path: string, content: string, mode?: number): void;
  /** Writes into a file that is there, as /sys and /proc want it: nothing can be made or renamed there. */
  writeInPlace(path: string, content: string): void;
  makeFolder(path: string, mode?: number): void;
  link(target: string, path: string): void;
  rename(from: string, to: string): void;
  copy(from: string, to: string): void;
  /** Has a file on the disk before anything else is done: a power cut takes what is in memory. Nothing where there is none. */
  sync(path: string): void;
  chmod(path: string, mode: number): void;
  /** Removes a file or link; nothing happens where there is none. */
  remove(path: string): void;
  removeTree(path: string): void;
  /** Removes a folder if it is empty, and says whether it did. */
  removeEmptyFolder(path: string): boolean;
  /** Paths that exist and that this user may not read. */
  readonly denied: ReadonlySet<string>;
}

/** ESRCH is what /proc says of a process that ends while it is read. */
const ABSENT = new Set(['ESRCH', 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL', 'ENODEV', 'ENXIO', 'EISDIR']);
/** The mode of access(2) that asks whether something may be written to. */
const WRITABLE = 2;
const DENIED = new Set(['EACCES', 'EPERM']);

/** What fails on an open file does not say on which. */
function naming(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const failure = error as NodeJS.ErrnoException;
    if (failure.path === undefined) failure.message += ` (${path})`;
    throw failure;
  }
}

/**
 * The file system of a root.
 * @param raw `node:fs` or memfs
 * @param root absolute folder, `/` for the machine itself
 */
export function createHostFs(raw: RawFs, root: string): HostFs {
  const denied = new Set<string>();
  const outer = (path: string): string => resolveInRoot(raw, root, path, false);
  const followed = (path: string): string => (root === '/' ? path : resolveInRoot(raw, root, path, true));

  function attempt<T>(path: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (DENIED.has(code)) denied.add(path);
      else if (!ABSENT.has(code)) throw error;
      return undefined;
    }
  }

  function makeFolder(path: string, mode = 0o755): void {
    makeFolders(raw, followed(path), mode);
  }

  return {
    denied,
    outer,
    makeFolder,
    write(path, content, mode = 0o644) {
      makeFolder(dirname(path));
      // A link at the end is replaced, not followed: rename does so, and whoever may make links may not aim us.
      naming(path, () => replaceFile(raw, outer(path), content, mode));
    },
    readText: (path) => attempt(path, () => readWhole(raw, followed(path)).toString('utf8')),
    readBytes: (path) => attempt(path, () => readWhole(raw, followed(path))),
    readFrom: (path, offset) => attempt(path, () => readFrom(raw, followed(path), offset)),
    pieces: (path) => pieces(raw, followed(path)),
    readEnd: (path, length) => attempt(path, () => readEnd(raw, followed(path), length)),
    list: (path) => attempt(path, () => raw.readdirSync(followed(path)).sort()) ?? [],
    stat: (path) => attempt(path, () => fileInfo(raw.statSync(followed(path)))),
    lstat: (path) => attempt(path, () => fileInfo(raw.lstatSync(outer(path)))),
    readLink: (path) => attempt(path, () => raw.readlinkSync(outer(path)).toString()),
    exists: (path) => attempt(path, () => raw.statSync(followed(path))) !== undefined,
    onReadOnly(path) {
      try {
        raw.accessSync(followed(path), WRITABLE);
        return false;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EROFS';
      }
    },
    realPath(path) {
      return attempt(path, () => {
        const real = raw.realpathSync(followed(path)).toString();
        if (root === '/') return real;
        const base = raw.realpathSync(root).toString();
        return real === base ? '/' : real.slice(base.length);
      });
    },
    append(path, content, mode = 0o644) {
      makeFolder(dirname(path));
      naming(path, () => appendTo(raw, followed(path), content, mode));
    },
    writeInPlace: (path, content) => writeInPlace(raw, followed(path), content),
    link(target, path) {
      makeFolder(dirname(path));
      const place = outer(path);
      attempt(path, () => raw.unlinkSync(place));
      raw.symlinkSync(target, place);
    },
    rename: (from, to) => raw.renameSync(outer(from), outer(to)),
    copy(from, to) {
      makeFolder(dirname(to));
      raw.copyFileSync(followed(from), followed(to));
    },
    sync(path) {
      const target = followed(path);
      attempt(path, () => syncFile(raw, target));
      syncFolder(raw, dirname(target));
    },
    chmod: (path, mode) => raw.chmodSync(followed(path), mode),
    remove: (path) => raw.rmSync(outer(path), { force: true }),
    removeTree: (path) => raw.rmSync(outer(path), { recursive: true, force: true }),
    removeEmptyFolder(path) {
      try {
        raw.rmdirSync(outer(path));
        return true;
      } catch {
        return false;
      }
    },
  };
}
