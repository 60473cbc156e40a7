// The files of a driver source: which there are, whether they may be trusted, and what is in them.
import type { FileInfo, HostFs } from '../host/fs.ts';
import { sha256 } from '../host/hash.ts';
import { quoted } from '../host/shell-word.ts';
import { withoutOwnershipLines } from './dkms-conf.ts';
import type { Refusal } from './driver.ts';
import { ownHint, untrustedWay, writableBy } from './trust.ts';

/** A driver source has some thirty files and half a megabyte; a folder with more than this is something else. */
const MOST_FILES = 5_000;
const MOST_BYTES = 64 * 1024 * 1024;

/** As many links as the kernel follows before it says ELOOP. */
const MOST_LINKS = 40;

interface TreeFile {
  /** Its path below the source, with a slash before it. */
  readonly inside: string;
  readonly info: FileInfo;
}

export interface SourceTree {
  readonly path: string;
  /** In a fixed order; links and special files too, folders not. */
  readonly files: readonly TreeFile[];
  /** Changes whenever a file of it may have changed. */
  readonly identity: string;
  readonly refused: Refusal | undefined;
}

/** Looks at every file of a source and opens none. */
export function readTree(fs: HostFs, path: string): SourceTree {
  const files: TreeFile[] = [];
  let seen = 0;
  let refused = untrustedWay(fs, path);
  const visit = (folder: string): void => {
    for (const name of fs.list(`${path}${folder}`)) {
      const inside = `${folder}/${name}`;
      const info = fs.lstat(`${path}${inside}`);
      // Git keeps old content by its hash in there: no build reads it.
      if (info === undefined || seen >= MOST_FILES || inside === '/.git/objects') continue;
      seen += 1;
      refused ??= judgeFile(fs, path, inside, info);
      if (info.kind === 'folder') visit(inside);
      // Git's own files are no part of the driver, but git runs what they name.
      else if (!inside.startsWith('/.git/')) files.push({ inside, info });
    }
  };
  visit('');
  refused ??= tooBig(path, seen, files);
  // The change time cannot be set back, so that what is the same by it has the same content.
  const identity = files
    .map(({ inside, info }) => `${inside}:${info.inode}.${info.size}.${info.changed}`)
    .join(' ');
  return { path, files, identity, refused };
}

/** SHA-256 over what a build would read. Only for a tree that is not refused. */
export function hashTree(fs: HostFs, tree: SourceTree): string {
  const hash = sha256();
  for (const { inside, info } of tree.files) {
    hash
      .update(`${inside}\0`)
      .update(content(fs, `${tree.path}${inside}`, inside, info))
      .update('\0');
  }
  return hash.digest('hex');
}

/** The text of a file of a tree; undefined where there is none that may be read. */
export function readInTree(fs: HostFs, tree: SourceTree, inside: string): string | undefined {
  const path = `${tree.path}${inside}`;
  return fs.stat(path)?.kind === 'file' ? fs.readText(path) : undefined;
}

function content(fs: HostFs, path: string, inside: string, info: FileInfo): string | Buffer {
  // A link to a file counts as what is in the file; the files of a folder are there by their own names.
  if (info.kind === 'link' && fs.stat(path)?.kind !== 'file') return `-> ${fs.readLink(path) ?? ''}`;
  if (inside === '/dkms.conf') return withoutOwnershipLines(fs.readText(path) ?? '');
  return fs.readBytes(path) ?? '';
}

function judgeFile(fs: HostFs, path: string, inside: string, info: FileInfo): Refusal | undefined {
  const here = `${path}${inside}`;
  const text = writableBy(here, info);
  if (text !== undefined) return { code: 'not-roots', text, hint: ownHint(path) };
  if (info.kind === 'other') {
    return {
      code: 'special-file',
      text: `${here} is a pipe, a socket or a device, which no driver source has`,
      hint: `remove it: rm ${quoted(here)}`,
    };
  }
  if (info.kind === 'link' && !staysInside(fs, path, inside)) {
    return {
      code: 'leads-out',
      text: `${here} is a link that leads out of the source, to ${fs.readLink(here) ?? '?'}`,
      hint: `put the file itself in its place: cp --remove-destination "$(readlink -f ${quoted(here)})" ${quoted(here)}`,
    };
  }
  return undefined;
}

/**
 * Whether all that a link passes is in the source, and so is looked at by itself. dkms builds in a copy of the
 * source, where a relative link that leaves it leads elsewhere anyway.
 */
function staysInside(fs: HostFs, path: string, link: string): boolean {
  let pending = link.split('/');
  let done: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (done.pop() === undefined) return false;
      continue;
    }
    done.push(part);
    if (done[0] === '.git') return false;
    const target = fs.readLink([path, ...done].join('/'));
    if (target === undefined) continue;
    links += 1;
    const absolute = target.startsWith(`${path}/`);
    if (links > MOST_LINKS || (target.startsWith('/') && !absolute)) return false;
    if (absolute) done = [];
    else done.pop();
    pending = [...target.slice(absolute ? path.length : 0).split('/'), ...pending];
  }
  return true;
}

function tooBig(path: string, seen: number, files: readonly TreeFile[]): Refusal | undefined {
  const bytes = files.reduce((sum, { info }) => sum + info.size, 0);
  const what =
    seen >= MOST_FILES
      ? `more than ${MOST_FILES} files`
      : bytes > MOST_BYTES
        ? `more than ${MOST_BYTES / 1024 / 1024} MiB`
        : undefined;
  if (what === undefined) return undefined;
  return {
    code: 'too-big',
    text: `${path} holds ${what}, too much for a driver source`,
    hint: 'unpack a release of tt-kmd there as root, and keep everything else elsewhere',
  };
}
