// Which source tree is built, and the configuration that it begins with.
import { gunzipSync } from 'node:zlib';
import { untrustedWay, writableBy } from '../driver/trust.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { quoted } from '../host/shell-word.ts';
import { distKernelOf } from '../kernels/build-tree.ts';
import { compareReleases } from '../kernels/versions.ts';

const SOURCES = '/usr/src';

/** What a source tree has and headers have not. */
const TELLING = ['Makefile', 'Kconfig', 'init/main.c', 'scripts/kconfig/Makefile'];

/** A configuration to begin with. */
export interface Base {
  readonly from: string;
  readonly text: string;
  /** It is the tree's own. */
  readonly own: boolean;
}

/**
 * The tree to build.
 * @param named a path, or a name in /usr/src; without it the one that /usr/src/linux leads to, else the newest
 * @throws TtkmdError where that is none to build
 */
export function chooseTree(fs: HostFs, named: string | undefined): string {
  const wanted = named === undefined ? usualTree(fs) : named.startsWith('/') ? named : `${SOURCES}/${named}`;
  const path = fs.realPath(wanted);
  if (path === undefined) throw refusal('no-tree', `There is no ${wanted}.`, GET_SOURCES);
  const dist = distKernelOf(fs, path);
  if (dist !== undefined) {
    const atom = dist.replace(/:.*/, '');
    const [other] = sourceTrees(fs).filter((name) => fs.realPath(`${SOURCES}/${name}`) !== path);
    throw refusal(
      'portages-tree',
      `${path} is of ${atom}, which Portage builds and installs itself.`,
      `have Portage do so: emerge =${atom}; its options go to /etc/kernel/config.d${other === undefined ? '' : `. Or name other sources: ttkmdctl kernels build ${other}`}`,
    );
  }
  const missing = TELLING.find((name) => !fs.exists(`${path}/${name}`));
  const sources = missing === undefined ? undefined : fs.realPath(`${path}/source`);
  if (sources !== undefined) {
    throw refusal(
      'no-tree',
      `${path} is a folder that ${sources} was built in, not the sources.`,
      `name both: ttkmdctl kernels build ${quoted(sources)} --output ${quoted(path)}`,
    );
  }
  if (missing !== undefined) {
    throw refusal('no-tree', `${path} is no kernel's source tree: ${missing} is missing.`, GET_SOURCES);
  }
  requireTrust(fs, path);
  return path;
}

/**
 * Where make is to leave what it makes: the folder that was asked for, else the sources.
 * @throws TtkmdError where make would not, or somebody else could write to it
 */
export function chooseFolder(fs: HostFs, tree: string, output: string | undefined): string {
  const folder = output === undefined ? tree : (fs.realPath(output) ?? output);
  if (folder === tree) return tree;
  // By the kernel's own Makefile, which says no more than that.
  if (['.config', 'include/config'].some((name) => fs.exists(`${tree}/${name}`))) {
    const [config, kept] = [`${quoted(tree)}/.config`, quoted(`${folder}.config`)];
    throw refusal(
      'tree-not-clean',
      `${tree} is not clean: something was configured or built in it, and make leaves nothing elsewhere then.`,
      `clean it, which removes its configuration too: cp ${config} ${kept} && make -C ${quoted(tree)} mrproper; then begin with that one: --config ${kept}`,
    );
  }
  if (fs.exists(folder)) requireTrust(fs, folder);
  return folder;
}

/** What is built from it is the kernel, and its Makefiles run as root. */
function requireTrust(fs: HostFs, path: string): void {
  const refused = untrustedWay(fs, path)?.text ?? othersIn(fs, path);
  if (refused === undefined) return;
  throw refusal(
    'untrusted-tree',
    `Nothing is built from ${path}: ${refused}.`,
    `make it root's alone, as root: chown -R root:root ${quoted(path)} && chmod -R go-w ${quoted(path)}`,
  );
}

const GET_SOURCES =
  'install sources, and name their folder: emerge sys-kernel/gentoo-sources (Debian: apt-get install linux-source, and unpack it)';

/**
 * What in a tree somebody other than root can write to: an archive that is unpacked by root leaves its files to the
 * users that it names. A second for ninety thousand files, before a build of an hour.
 */
function othersIn(fs: HostFs, folder: string): string | undefined {
  for (const name of fs.list(folder)) {
    const path = `${folder}/${name}`;
    const info = fs.lstat(path);
    if (info === undefined) continue;
    // Git keeps old content by its hash in there: no build reads it.
    const inside = info.kind === 'folder' && !path.endsWith('/.git/objects');
    const found = writableBy(path, info) ?? (inside ? othersIn(fs, path) : undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

function usualTree(fs: HostFs): string {
  const link = `${SOURCES}/linux`;
  if (fs.exists(link)) return link;
  const [newest] = sourceTrees(fs);
  return newest === undefined ? link : `${SOURCES}/${newest}`;
}

/** The names of the folders with whole sources, the newest first. */
function sourceTrees(fs: HostFs): string[] {
  return fs
    .list(SOURCES)
    .filter((name) => /^linux-\d/.test(name) && fs.exists(`${SOURCES}/${name}/init/main.c`))
    .sort((a, b) => compareReleases(b.slice('linux-'.length), a.slice('linux-'.length)));
}

/**
 * The configuration to begin with: the given one, the tree's own, or the running kernel's.
 * @throws TtkmdError where there is none
 */
export function chooseBase(
  { fs, machine }: Pick<Host, 'fs' | 'machine'>,
  folder: string,
  given: string | undefined,
): Base {
  if (given !== undefined) {
    const text = readConfig(fs, given);
    if (text !== undefined) return { from: given, text, own: given === `${folder}/.config` };
    throw refusal('no-config', `${given} cannot be read as a kernel's configuration.`, 'name another file');
  }
  const release = machine.runningRelease;
  const places =
    release === undefined
      ? []
      : [
          '/proc/config.gz',
          `/boot/config-${release}`,
          `/lib/modules/${release}/config`,
          `/lib/modules/${release}/build/.config`,
        ];
  for (const from of [`${folder}/.config`, ...places]) {
    const text = readConfig(fs, from);
    if (text !== undefined) return { from, text, own: from === `${folder}/.config` };
  }
  throw refusal(
    'no-config',
    `There is no configuration to begin with: ${folder}/.config is missing, and ${release === undefined ? 'no running kernel is this system’s own' : `none of ${places.join(', ')} can be read`}.`,
    `give one with --config FILE, or make one: cd ${quoted(folder)} && make defconfig menuconfig`,
  );
}

function readConfig(fs: HostFs, path: string): string | undefined {
  const bytes = fs.readBytes(path);
  if (bytes === undefined) return undefined;
  const text = unpacked(bytes)?.toString();
  return text !== undefined && /^(?:CONFIG_\w+=|# CONFIG_\w+ is not set$)/m.test(text) ? text : undefined;
}

/** Undefined where it is packed and cut off or damaged. */
function unpacked(bytes: Buffer): Buffer | undefined {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch {
    return undefined;
  }
}

function refusal(code: string, message: string, hint: string): TtkmdError {
  return new TtkmdError(code, message, hint, EXIT.usage);
}
