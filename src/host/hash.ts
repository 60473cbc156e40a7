// SHA-256, loaded when something is hashed for the first time.
import type { Hash } from 'node:crypto';
import type { HostFs } from './fs.ts';

/** A new SHA-256. Node's crypto takes five milliseconds to load, and most commands hash nothing. */
export function sha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256');
}

/** SHA-256 of a file's content; undefined where there is none. */
export function fileHash(fs: HostFs, path: string): string | undefined {
  const content = fs.readBytes(path);
  return content === undefined ? undefined : sha256().update(content).digest('hex');
}
