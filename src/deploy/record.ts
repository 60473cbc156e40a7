// What we have put on a host: the record that a removal and the next installation go by.

import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';
import type { Host } from '../host/host.ts';
import type { Group } from './manifest.ts';

export interface RecordedFile {
  readonly group: Group;
  readonly sha256: string;
  /** Permission bits. */
  readonly mode: number;
  readonly kind: 'file' | 'config';
  /** What an installation that has not ended may have left there instead. */
  readonly replaces?: string;
}

export interface InstallRecord {
  readonly schema: 1;
  /** By path on the host. */
  readonly files: Readonly<Record<string, RecordedFile>>;
  /** The folders that we made, and for what. */
  readonly folders: Readonly<Record<string, Group>>;
}

export const RECORD_PATH = '/var/lib/ttkmd/manifest.json';

export const NOTHING_RECORDED: InstallRecord = { schema: 1, files: {}, folders: {} };

/** @throws TtkmdError where the record is there and cannot be understood */
export function readRecord(host: Host): InstallRecord {
  const text = host.fs.readText(RECORD_PATH);
  if (text === undefined) {
    if (host.fs.denied.has(RECORD_PATH)) throw unreadable('may not be read by this user', EXIT.rights);
    return NOTHING_RECORDED;
  }
  try {
    const found: unknown = JSON.parse(text);
    if (isRecord(found)) return found;
  } catch (error) {
    throw unreadable('is broken', EXIT.stepFailed, error);
  }
  throw unreadable('is of another ttkmd', EXIT.stepFailed);
}

export function writeRecord(host: Host, record: InstallRecord): void {
  const text = recordText(record);
  if (host.fs.readText(RECORD_PATH) !== text) host.fs.write(RECORD_PATH, text);
}

/** Whether a file on the host is as we left it, or as an unfinished installation of ours may have. */
export function isUnchanged(recorded: RecordedFile, sha256: string): boolean {
  return sha256 === recorded.sha256 || sha256 === recorded.replaces;
}

/** The SHA-256 of a file, as hexadecimal digits; files of a hundred megabytes are never held whole. */
export function sha256Of(fs: HostFs, path: string): string {
  const hash = sha256();
  for (const piece of fs.pieces(path)) hash.update(piece);
  return hash.digest('hex');
}

/** Compares two files byte by byte, which is a small part of the work of two checksums. */
export function isSameContent(
  [fs, path]: readonly [HostFs, string],
  [otherFs, otherPath]: readonly [HostFs, string],
): boolean {
  if (fs.stat(path)?.size !== otherFs.stat(otherPath)?.size) return false;
  const others = otherFs.pieces(otherPath)[Symbol.iterator]();
  try {
    for (const piece of fs.pieces(path)) {
      const other = others.next();
      if (other.done || Buffer.compare(piece, other.value) !== 0) return false;
    }
    return true;
  } finally {
    others.return?.();
  }
}

function recordText(record: InstallRecord): string {
  const sorted = <T>(entries: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { files, folders } = record;
  return `${JSON.stringify({ schema: 1, files: sorted(files), folders: sorted(folders) }, null, 2)}\n`;
}

function isRecord(found: unknown): found is InstallRecord {
  if (typeof found !== 'object' || found === null) return false;
  const { schema, files, folders } = found as Partial<InstallRecord>;
  return schema === 1 && typeof (files ?? 1) === 'object' && typeof (folders ?? 1) === 'object';
}

function unreadable(why: string, exitStatus: 4 | 6, cause?: unknown): TtkmdError {
  const hint =
    exitStatus === EXIT.rights
      ? 'Run it as root.'
      : `Move ${RECORD_PATH} away and run \`install.sh --force\` of the release again, as root.`;
  return new TtkmdError(
    'install-record',
    `The record of what ttkmd installed, ${RECORD_PATH}, ${why}.`,
    hint,
    exitStatus,
    cause,
  );
}
