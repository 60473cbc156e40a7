// Driver sources in /usr/src: which versions there are, what is in them, and whether they may be built from.

import type { HostFs } from '../host/fs.ts';
import { quoted } from '../host/shell-word.ts';
import { dkmsVariable, ownershipLines } from './dkms-conf.ts';
import type { DriverSource, Refusal } from './driver.ts';
import { findCalls, type SourceCalls } from './source-calls.ts';
import { hashTree, readInTree, readTree, type SourceTree } from './source-tree.ts';

export const PACKAGE = 'tenstorrent';
const SOURCES_FOLDER = '/usr/src';

/** What kbuild leaves and reads again. */
const BUILD_PRODUCT = /\.(?:o|a|ko|cmd|mod|mod\.c|symvers|order)$/;

/** What a source's files say. */
interface Contents {
  readonly hash: string;
  readonly calls: SourceCalls;
}

/** Contents by source path, as they were when each file had the size, the times and the number in the identity. */
export type KnownHashes = Readonly<
  Record<
    string,
    { readonly identity: string; readonly hash: string; readonly calls?: SourceCalls | undefined }
  >
>;

const NOTHING_READ: Contents = { hash: '', calls: { surely: {}, maybe: [] } };

/** All driver sources, in no particular order. What is known to be unchanged is not read again. */
export function observeSources(fs: HostFs, known: KnownHashes = {}): DriverSource[] {
  return fs
    .list(SOURCES_FOLDER)
    .filter((name) => name.startsWith(`${PACKAGE}-`))
    .map((name) => `${SOURCES_FOLDER}/${name}`)
    .filter((path) => fs.stat(path)?.kind === 'folder')
    .flatMap((path) => observeSource(fs, path, known[path]) ?? []);
}

function observeSource(
  fs: HostFs,
  path: string,
  known: KnownHashes[string] | undefined,
): DriverSource | undefined {
  const version = path.slice(`${SOURCES_FOLDER}/${PACKAGE}-`.length);
  const tree = readTree(fs, path);
  // What somebody else may have put there is not even opened: it could be a pipe in root's way.
  const conf = tree.refused === undefined ? readInTree(fs, tree, '/dkms.conf') : undefined;
  if (conf !== undefined && isAnothersOwn(path, conf)) return undefined;
  const refused = tree.refused ?? judgeConf(fs, path, version, conf);
  return {
    version,
    path,
    identity: tree.identity,
    modified: lastWritten(tree),
    ...(refused === undefined ? contents(fs, tree, known) : NOTHING_READ),
    hasObjects: tree.files.some(({ inside }) => BUILD_PRODUCT.test(inside)),
    ownershipLines: ownershipLines(conf ?? ''),
    refused,
  };
}

/** When somebody last wrote to what a build reads: neither what one leaves, nor lines that we leave out. */
function lastWritten({ files }: SourceTree): number {
  const read = files.filter(({ inside }) => inside !== '/dkms.conf' && !BUILD_PRODUCT.test(inside));
  return Math.max(0, ...read.map(({ info }) => info.modified));
}

/** The source of a package whose name begins like ours: tenstorrent-tools-1.0. */
function isAnothersOwn(path: string, conf: string): boolean {
  const name = dkmsVariable(conf, 'PACKAGE_NAME');
  return name !== undefined && name !== PACKAGE && path.startsWith(`${SOURCES_FOLDER}/${name}-`);
}

function contents(fs: HostFs, tree: SourceTree, known: KnownHashes[string] | undefined): Contents {
  const { hash = '', calls } = known?.identity === tree.identity ? known : {};
  if (hash !== '' && calls !== undefined) return { hash, calls };
  const read = (pattern: RegExp): [string, string][] =>
    tree.files
      .filter(({ inside }) => pattern.test(inside))
      .map(({ inside }) => [inside, readInTree(fs, tree, inside) ?? '']);
  const makefiles = read(/^\/(?:Makefile|Kbuild)$/).map(([, text]) => text);
  return { hash: hash || hashTree(fs, tree), calls: findCalls(new Map(read(/\.[ch]$/)), makefiles) };
}

function judgeConf(
  fs: HostFs,
  path: string,
  folderVersion: string,
  conf: string | undefined,
): Refusal | undefined {
  if (conf === undefined) return withoutConf(fs, path);
  const name = dkmsVariable(conf, 'PACKAGE_NAME');
  if (name !== undefined && !name.includes('$') && name !== PACKAGE) {
    return {
      code: 'other-package',
      text: `${path}/dkms.conf is for the package ${name}, not for ${PACKAGE}`,
      hint: `give the folder that package's name: mv -T ${quoted(path)} ${quoted(`${SOURCES_FOLDER}/${name}-${folderVersion}`)}`,
    };
  }
  const version = dkmsVariable(conf, 'PACKAGE_VERSION');
  if (version === undefined || /[$#@]/.test(version) || version === folderVersion) return undefined;
  const text = `${path}/dkms.conf says version ${version}, its folder says ${folderVersion}`;
  // 2.9.0.bak, 2.9.0-old, 2.9.0~: what an admin puts aside before trying something.
  if (folderVersion.startsWith(version) && /^[^a-z\d]*[a-z~]/i.test(folderVersion.slice(version.length))) {
    return { code: 'copy', text, hint: `when nobody needs that copy any more: rm -r ${quoted(path)}` };
  }
  return {
    code: 'other-version',
    text,
    hint: `give the folder that version's name: mv -T ${quoted(path)} ${quoted(`${SOURCES_FOLDER}/${PACKAGE}-${version}`)}`,
  };
}

function withoutConf(fs: HostFs, path: string): Refusal {
  return fs.lstat(`${path}/dkms.conf`) === undefined
    ? {
        code: 'no-dkms-conf',
        text: `${path}/dkms.conf is missing, by which dkms knows how to build it`,
        hint: `unpack a release of tt-kmd there as root, or remove the folder: rm -r ${quoted(path)}`,
      }
    : {
        code: 'unreadable',
        text: `${path}/dkms.conf cannot be read`,
        hint: 'run the command as root; where that does not help, unpack a release of tt-kmd there',
      };
}
