// SHA-256, loaded when something is hashed for the first time.
import type { Hash } from 'node:crypto';

/** A new SHA-256. Node's crypto takes five milliseconds to load, and most commands hash nothing. */
export function sha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256');
}
