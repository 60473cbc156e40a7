// The versions of a kernel's symbols, from the `Module.symvers` of its build tree.
import { fileIdentity } from '../host/file-identity.ts';
import type { HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';

export interface SymbolVersions {
  /** By name, as numbers are written there: `0x92997ed8`. */
  readonly versions: ReadonlyMap<string, string>;
  /** SHA-256 of the whole file. */
  readonly hash: string;
}

interface Remembered {
  readonly of: string;
  readonly wanted: string;
  readonly found: SymbolVersions;
}

/** The last that was read: a build, its installation and the look after it ask the same of the same megabytes. */
const last = new WeakMap<HostFs, Remembered>();

/**
 * The versions of some symbols; undefined where the file is not there or may not be read. It has a line for each of
 * twenty-five thousand symbols (`CRC <tab> name <tab> …`), so it is read in pieces and only the wanted ones are kept.
 */
export function readSymbolVersions(
  fs: HostFs,
  treePath: string,
  wanted: ReadonlySet<string>,
): SymbolVersions | undefined {
  const path = `${treePath}/Module.symvers`;
  if (fs.readEnd(path, 1) === undefined) return undefined;
  const key = { of: fileIdentity(fs, path), wanted: [...wanted].join(' ') };
  const known = last.get(fs);
  if (known?.of === key.of && known.wanted === key.wanted) return known.found;
  const versions = new Map<string, string>();
  const hash = sha256();
  let rest = '';
  for (const piece of fs.pieces(path)) {
    hash.update(piece);
    rest = takeLines(rest + Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString('latin1'));
  }
  takeLines(`${rest}\n`);
  const found = { versions, hash: hash.digest('hex') };
  last.set(fs, { ...key, found });
  return found;

  /** Gives what is left behind the last line's end. */
  function takeLines(text: string): string {
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const tab = text.indexOf('\t', start);
      const nameEnd = text.indexOf('\t', tab + 1);
      if (tab >= 0 && nameEnd >= 0 && nameEnd < end) {
        const name = text.slice(tab + 1, nameEnd);
        if (wanted.has(name)) versions.set(name, text.slice(start, tab));
      }
      start = end + 1;
    }
    return text.slice(start);
  }
}
