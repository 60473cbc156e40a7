// Driver sources in /usr/src: which versions there are, what is in them, and whether they may be trusted.

import type { FileInfo, HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';
import type { DriverSource } from './driver.ts';

export const PACKAGE = 'tenstorrent';
export const SOURCES_FOLDER = '/usr/src';

/** Lines that make dkms build the module at times of its own, or write outside its tree. */
const OWNERSHIP_LINE = /^\s*(?:export\s+)?(?:AUTOINSTALL|POST_INSTALL)\s*=/;

/** A driver source has some thirty files; a folder with more than this is something else. */
const MOST_FILES = 5_000;

/** Hashes by source path, as they were when each file had the size, the times and the number in the identity. */
export type KnownHashes = Readonly<Record<string, { readonly identity: string; readonly hash: string }>>;

/** All driver sources, in no particular order. What is known to be unchanged is not read again. */
export function observeSources(fs: HostFs, known: KnownHashes = {}): DriverSource[] {
  return fs
    .list(SOURCES_FOLDER)
    .filter((name) => name.startsWith(`${PACKAGE}-`))
    .map((name) => `${SOURCES_FOLDER}/${name}`)
    .flatMap((path) => observeSource(fs, path, known[path]) ?? []);
}

function observeSource(
  fs: HostFs,
  path: string,
  known: KnownHashes[string] | undefined,
): DriverSource | undefined {
  const conf = fs.readText(`${path}/dkms.conf`);
  if (conf === undefined) return undefined;
  const folderVersion = path.slice(`${SOURCES_FOLDER}/${PACKAGE}-`.length);
  const tree = readTree(fs, path);
  return {
    version: folderVersion,
    path,
    identity: tree.identity,
    hash: known?.identity === tree.identity ? known.hash : hashTree(fs, path, tree),
    ownershipLines: conf.split('\n').filter((line) => OWNERSHIP_LINE.test(line)),
    refused: refusal(path, folderVersion, conf, tree),
  };
}

/** The text of a `dkms.conf` without the lines that give the module to dkms. */
export function withoutOwnershipLines(conf: string): string {
  return conf
    .split('\n')
    .filter((line) => !OWNERSHIP_LINE.test(line))
    .join('\n');
}

/**
 * A variable of a `dkms.conf`, where it is a plain assignment. The file is bash that dkms runs as root; it is
 * not run here, so that looking at a source never executes it.
 */
export function dkmsVariable(conf: string, name: string): string | undefined {
  const value = conf.match(new RegExp(`^\\s*${name}\\s*=\\s*(.*?)\\s*(?:#.*)?$`, 'm'))?.[1];
  return value?.replace(/^(["'])(.*)\1$/, '$2');
}

interface Tree {
  /** Paths below the source, in a fixed order. */
  readonly files: readonly { readonly inside: string; readonly info: FileInfo }[];
  readonly identity: string;
  readonly unsafe: string | undefined;
}

function readTree(fs: HostFs, path: string): Tree {
  const files: { inside: string; info: FileInfo }[] = [];
  let unsafe = unsafeReason(path, fs.stat(path));
  const visit = (folder: string): void => {
    for (const name of fs.list(`${path}${folder}`)) {
      const inside = `${folder}/${name}`;
      const info = name === '.git' ? undefined : fs.lstat(`${path}${inside}`);
      if (info === undefined || files.length >= MOST_FILES) continue;
      unsafe ??= info.kind === 'link' ? undefined : unsafeReason(`${path}${inside}`, info);
      if (info.kind === 'folder') visit(inside);
      else files.push({ inside, info });
    }
  };
  visit('');
  if (files.length >= MOST_FILES) unsafe ??= `${path} holds too many files to be a driver source`;
  // The change time cannot be set back, so that what is the same by it has the same content.
  const identity = files
    .map(({ inside, info }) => `${inside}:${info.inode}.${info.size}.${info.changed}`)
    .join(' ');
  return { files, identity, unsafe };
}

function hashTree(fs: HostFs, path: string, tree: Tree): string {
  const hash = sha256();
  for (const { inside, info } of tree.files) {
    hash
      .update(`${inside}\0`)
      .update(fileContent(fs, path, inside, info))
      .update('\0');
  }
  return hash.digest('hex');
}

function fileContent(fs: HostFs, path: string, inside: string, info: FileInfo): string | Buffer {
  if (info.kind === 'link') return `-> ${fs.readLink(`${path}${inside}`) ?? ''}`;
  if (inside === '/dkms.conf') return withoutOwnershipLines(fs.readText(`${path}${inside}`) ?? '');
  return fs.readBytes(`${path}${inside}`) ?? '';
}

/** What is built from a source runs in the kernel: whoever can write to it is root. */
function unsafeReason(path: string, info: FileInfo | undefined): string | undefined {
  if (info === undefined) return undefined;
  if (info.user !== 0) return `${path} belongs to user ${info.user}, not to root`;
  if ((info.mode & 0o002) !== 0) return `${path} can be written to by everybody`;
  if ((info.mode & 0o020) !== 0 && info.group !== 0)
    return `${path} can be written to by group ${info.group}`;
  return undefined;
}

function refusal(path: string, folderVersion: string, conf: string, tree: Tree): string | undefined {
  if (tree.unsafe !== undefined) return tree.unsafe;
  const name = dkmsVariable(conf, 'PACKAGE_NAME');
  if (name !== undefined && !name.includes('$') && name !== PACKAGE) {
    return `${path}/dkms.conf is for the package ${name}, not for ${PACKAGE}`;
  }
  const version = dkmsVariable(conf, 'PACKAGE_VERSION');
  if (version !== undefined && !/[$#@]/.test(version) && version !== folderVersion) {
    return `${path}/dkms.conf says version ${version}, its folder says ${folderVersion}`;
  }
  return undefined;
}
