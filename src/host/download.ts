// Downloads a file, or copies it from a folder, and lets nobody see it before it is proved to be the right one.
import { createHash } from 'node:crypto';
import fs, { createReadStream, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, TtkmdError } from './errors.ts';
import { makeFolders } from './folders.ts';
import { type ByteStream, pieces } from './pieces.ts';
import { failed, type RequestOptions, request } from './web.ts';

export interface DownloadOptions extends RequestOptions {
  /** An address, or the absolute path of a file. */
  readonly from: string;
  /** Where the file is to be, as this process sees it. */
  readonly to: string;
  /** Hexadecimal; undefined where nobody knows it. */
  readonly sha256: string | undefined;
  /** Bytes so far, and of all where the server says so. */
  readonly onBytes?: (done: number, total: number | undefined) => void;
}

/** More than any file of the stack has. */
const MOST_BYTES = 4 * 1024 ** 3;

/**
 * After it the file is there, whole and right, or nothing is.
 * @returns its SHA-256
 */
export async function download(options: DownloadOptions): Promise<string> {
  const { from, to, sha256 } = options;
  const draft = `${to}.part`;
  makeFolders(fs, dirname(to), 0o755);
  try {
    const found = await receive(options, draft);
    if (sha256 !== undefined && found !== sha256) throw wrong(from, sha256, found);
    renameSync(draft, to);
    return found;
  } finally {
    rmSync(draft, { force: true });
  }
}

async function receive(options: DownloadOptions, draft: string): Promise<string> {
  const { from, signal, patience } = options;
  const hash = createHash('sha256');
  const file = await open(draft, 'w', 0o644);
  let done = 0;
  try {
    const { stream, total } = await openSource(options);
    for await (const piece of pieces(stream, { from, total, most: MOST_BYTES, patience, signal })) {
      done += piece.length;
      hash.update(piece);
      // Unlike write(), it goes on after a part.
      await file.appendFile(piece);
      options.onBytes?.(done, total);
    }
    await file.sync();
  } catch (error) {
    throw isSaid(error, signal) ? error : notWritten(draft, error as Error);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** Whether an error says what it is about, or is one that every command explains. */
function isSaid(error: unknown, signal: AbortSignal | undefined): boolean {
  if (error instanceof TtkmdError || error === signal?.reason) return true;
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function notWritten(path: string, error: Error): TtkmdError {
  return new TtkmdError(
    'download-not-written',
    `${path} could not be written: ${error.message}.`,
    'See whether its disk is well and takes a file of that size: dmesg | tail; then run the same command again.',
    EXIT.stepFailed,
    error,
  );
}

interface Source {
  readonly stream: ByteStream;
  readonly total: number | undefined;
}

async function openSource(options: DownloadOptions): Promise<Source> {
  const { from } = options;
  if (from.startsWith('/')) return { stream: await openFile(from), total: undefined };
  const answer = await request(from, options);
  const length = answer.headers['content-length'];
  return { stream: answer, total: length === undefined ? undefined : Number(length) };
}

function openFile(path: string): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    const stream = createReadStream(path);
    stream.once('open', () => resolve(stream));
    stream.once('error', (error: NodeJS.ErrnoException) =>
      reject(failed(path, error.code === 'ENOENT' ? 'there is no such file' : error.message, error)),
    );
  });
}

function wrong(from: string, expected: string, found: string): TtkmdError {
  return new TtkmdError(
    'download-wrong',
    `${from} is not the file that was expected, and was thrown away: its SHA-256 is ${found} instead of ${expected}.`,
    'Somebody on the way may have changed it, or the mirror is old. Try again later or from elsewhere; a file with versions of your own is given by --versions FILE.',
    EXIT.stepFailed,
  );
}
