// Writing that Node and memfs do not have: in one step, to the disk, and as an order to the kernel.
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RawFs } from './raw-fs.ts';

/** What is written: a text, bytes, or pieces that come one after another. */
export type Content = string | Uint8Array | Iterable<Uint8Array>;

/** Puts a file into the place of what is there, in one step: after a power cut there is the old content or the new. */
export function replaceFile(raw: RawFs, target: string, content: Content, mode: number): void {
  const draft = join(dirname(target), `.${target.slice(target.lastIndexOf('/') + 1)}.${process.pid}.new`);
  try {
    const descriptor = raw.openSync(draft, 'w', mode);
    try {
      for (const bytes of piecesOf(content)) {
        let written = 0;
        while (written < bytes.length) written += raw.writeSync(descriptor, bytes, written);
      }
      raw.fsyncSync(descriptor);
    } finally {
      raw.closeSync(descriptor);
    }
    // The umask may have taken bits away at open.
    raw.chmodSync(draft, mode);
    raw.renameSync(draft, target);
  } catch (error) {
    discard(raw, draft);
    throw error;
  }
  syncFolder(raw, dirname(target));
}

/** After a failure, whose reason is what counts: a draft that stays is cleaned up by the next run. */
function discard(raw: RawFs, draft: string): void {
  try {
    raw.unlinkSync(draft);
  } catch {
    // It was never made, or the file system refuses everything now.
  }
}

export function appendTo(raw: RawFs, path: string, content: string, mode: number): void {
  const descriptor = raw.openSync(path, 'a', mode);
  try {
    raw.writeSync(descriptor, content);
  } finally {
    raw.closeSync(descriptor);
  }
}

/** One call: in /sys and /proc each write(2) is an order of its own. */
export function writeInPlace(raw: RawFs, path: string, content: string): void {
  const descriptor = raw.openSync(path, constants.O_WRONLY | constants.O_TRUNC);
  try {
    raw.writeSync(descriptor, content);
  } finally {
    raw.closeSync(descriptor);
  }
}

/** Has what is in memory of a file on the disk. */
export function syncFile(raw: RawFs, path: string): void {
  const descriptor = raw.openSync(path, 'r');
  try {
    raw.fsyncSync(descriptor);
  } finally {
    raw.closeSync(descriptor);
  }
}

/** Some file systems refuse to sync a folder; a rename in it is then as durable as they make it. */
export function syncFolder(raw: RawFs, path: string): void {
  try {
    syncFile(raw, path);
  } catch {
    // As said.
  }
}

function piecesOf(content: Content): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content)];
  return content instanceof Uint8Array ? [content] : content;
}
