// The file system as Node or memfs has it, and reading that they do not have.
import type * as nodeFs from 'node:fs';
import { constants } from 'node:fs';

/** The part of `node:fs` that is used; memfs has the same. */
export type RawFs = Pick<
  typeof nodeFs,
  | 'readFileSync'
  | 'readdirSync'
  | 'statSync'
  | 'fstatSync'
  | 'lstatSync'
  | 'readlinkSync'
  | 'realpathSync'
  | 'openSync'
  | 'closeSync'
  | 'readSync'
  | 'writeSync'
  | 'fsyncSync'
  | 'renameSync'
  | 'unlinkSync'
  | 'rmSync'
  | 'rmdirSync'
  | 'mkdirSync'
  | 'symlinkSync'
  | 'chmodSync'
  | 'copyFileSync'
  | 'accessSync'
>;

export interface FileInfo {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
  /** Milliseconds since 1970; nobody can set it back. */
  readonly changed: number;
  /** Permission bits, e.g. 0o755. */
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  readonly device: number;
  readonly inode: number;
  /** The own number of a character device's node, `major:minor`; undefined of everything else. */
  readonly special?: string | undefined;
}

/** Bytes read at a time from a growing file. */
const READ_SIZE = 64 * 1024;

/** Bytes read at a time from a file that is copied or hashed. */
const PIECE_SIZE = 1024 * 1024;

/**
 * Opens a file for reading, and nothing else: a pipe would be waited for, a device may never end.
 * @throws with the code EINVAL where there is something else
 */
function openFile(raw: RawFs, path: string): number {
  const descriptor = raw.openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (raw.fstatSync(descriptor).isFile()) return descriptor;
  raw.closeSync(descriptor);
  throw Object.assign(new Error(`EINVAL: no regular file, open '${path}'`), { code: 'EINVAL', path });
}

/** The whole content of a file. */
export function readWhole(raw: RawFs, path: string): Buffer {
  const descriptor = openFile(raw, path);
  try {
    return raw.readFileSync(descriptor);
  } finally {
    raw.closeSync(descriptor);
  }
}

/** The content of a file a piece at a time, for files that are too large to hold. */
export function* pieces(raw: RawFs, path: string): Generator<Uint8Array> {
  const descriptor = openFile(raw, path);
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE_SIZE);
      const length = raw.readSync(descriptor, piece, 0, PIECE_SIZE, null);
      if (length === 0) return;
      yield piece.subarray(0, length);
    }
  } finally {
    raw.closeSync(descriptor);
  }
}

/** The last bytes of a file. */
export function readEnd(raw: RawFs, path: string, length: number): Buffer {
  const descriptor = openFile(raw, path);
  try {
    const start = Math.max(0, raw.fstatSync(descriptor).size - length);
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, raw.readSync(descriptor, buffer, 0, length, start));
  } finally {
    raw.closeSync(descriptor);
  }
}

/** The text of a growing file from a byte on, and where to go on next. */
export function readFrom(raw: RawFs, path: string, offset: number): { text: string; next: number } {
  const descriptor = openFile(raw, path);
  try {
    const chunks: Buffer[] = [];
    let next = offset;
    for (;;) {
      const chunk = Buffer.alloc(READ_SIZE);
      const length = raw.readSync(descriptor, chunk, 0, READ_SIZE, next);
      if (length === 0) return { text: Buffer.concat(chunks).toString('utf8'), next };
      chunks.push(chunk.subarray(0, length));
      next += length;
    }
  } finally {
    raw.closeSync(descriptor);
  }
}

/** What matters of a file's status. */
export function fileInfo(stats: nodeFs.Stats): FileInfo {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'folder'
      : stats.isSymbolicLink()
        ? 'link'
        : 'other';
  return {
    kind,
    size: stats.size,
    modified: stats.mtimeMs,
    changed: stats.ctimeMs,
    mode: stats.mode & 0o7777,
    user: stats.uid,
    group: stats.gid,
    device: stats.dev,
    inode: stats.ino,
    special: stats.isCharacterDevice() ? deviceNumber(stats.rdev) : undefined,
  };
}

/** As the C library splits it, and as sysfs writes it (makedev(3)). */
function deviceNumber(number: number): string {
  const bits = BigInt(number);
  const major = ((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn);
  const minor = (bits & 0xffn) | ((bits >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}
