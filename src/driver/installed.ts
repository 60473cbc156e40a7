// The module on disk: the file that modprobe would load for each kernel, and what is written in it.
import { fileIdentity } from '../host/file-identity.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import type { InstalledModule, KnownInfo, ModuleInfo } from './driver.ts';
import { PACKAGE } from './sources.ts';

const MODULE_FILE = new RegExp(`(?:^|/)${PACKAGE}\\.ko(?:\\.(?:gz|xz|zst))?$`);

/** Whether a path is that of a module of ours, compressed or not. */
export function isModuleFile(path: string): boolean {
  return MODULE_FILE.test(path);
}

/** Where dkms and Portage put modules that are not the kernel's own, in the order in which depmod prefers them. */
export const MODULE_FOLDERS = ['updates/dkms', 'updates', 'extra', 'kernel/extra', 'kernel/drivers/misc'];

/**
 * The installed module of each release that has one. All files are read by one `modinfo`, since starting it
 * once a kernel would cost more than everything else together; those that are known are not read at all.
 */
export async function observeInstalled(
  host: Pick<Host, 'fs' | 'exec'>,
  releases: readonly string[],
  known: (release: string) => KnownInfo | undefined = () => undefined,
): Promise<Map<string, InstalledModule>> {
  const { fs } = host;
  const found = releases.flatMap((release) => {
    const path = findModule(fs, release);
    // Before it is read: what is written meanwhile has another word the next time.
    return path === undefined ? [] : [{ release, path, identity: fileIdentity(fs, path) }];
  });
  const infos = new Map<string, ModuleInfo>();
  const toRead: string[] = [];
  for (const { release, path, identity } of found) {
    const last = known(release);
    if (!isReadable(fs, path)) infos.set(path, unread(`${path} may not be read by this user`));
    else if (last?.identity === identity) infos.set(path, last.info);
    else toRead.push(path);
  }
  for (const [path, info] of await readModules(host, toRead)) infos.set(path, info);
  return new Map(found.map((one) => [one.release, { ...one, ...infoOf(infos, one.path) }]));
}

/** What modprobe itself would load for a release: asks kmod, which reads its own index. */
export async function resolveModule(
  host: Pick<Host, 'exec'>,
  release: string,
): Promise<InstalledModule | undefined> {
  const answer = await host.exec.query('modinfo', ['-0', '-k', release, PACKAGE]);
  const [found] = parseModinfo(answer.stdout);
  // What is built into the kernel has no path, nor has what kmod does not know.
  return found?.[0].startsWith('/') ? { release, path: found[0], ...found[1] } : undefined;
}

/** What is written in one module file, wherever it lies. */
export async function readModule(
  host: Pick<Host, 'exec'>,
  release: string,
  path: string,
): Promise<InstalledModule> {
  return { release, path, ...infoOf(await readModules(host, [path]), path) };
}

/**
 * The file that depmod's index names, as modprobe takes it. Depmod lists each module once, and what is not the
 * kernel's own at the end: the last part is looked at first, since the whole has half a megabyte for each kernel.
 */
export function findModule(fs: HostFs, release: string): string | undefined {
  const folder = `/lib/modules/${release}`;
  const index = `${folder}/modules.dep`;
  const last = fs.readEnd(index, LAST_PART);
  if (last === undefined) return undefined;
  const isWhole = last.length < LAST_PART;
  // A part begins in the middle of a line, which would be taken for a path of its own.
  const listed = isWhole
    ? findInIndex(last)
    : (findInIndex(last.subarray(last.indexOf('\n') + 1)) ??
      findInIndex(fs.readBytes(index) ?? Buffer.alloc(0)));
  if (listed === undefined) return undefined;
  const path = listed.startsWith('/') ? listed : `${folder}/${listed}`;
  return fs.exists(path) ? path : undefined;
}

/** Bytes; some five hundred lines. */
const LAST_PART = 64 * 1024;

/** The file of our module in `modules.dep`: `kernel/extra/tenstorrent.ko.xz: kernel/…`. */
function findInIndex(index: Buffer): string | undefined {
  const needle = `${PACKAGE}.ko`;
  for (let at = index.indexOf(needle); at >= 0; at = index.indexOf(needle, at + 1)) {
    const start = index.lastIndexOf('\n', at) + 1;
    const colon = index.indexOf(':', at);
    if (colon < 0) return undefined;
    const name = index.toString('latin1', start, colon);
    if (!name.includes('\n') && MODULE_FILE.test(name)) return name;
  }
  return undefined;
}

/** Where depmod's settings may be, which decide among several modules of one name (depmod.d(5)). */
const DEPMOD_SETTINGS = ['/etc/depmod.d', '/run/depmod.d', '/usr/lib/depmod.d', '/lib/depmod.d'];

/**
 * A word for what a file holds, by whatever path it is reached: kmod prints /usr/lib/modules where it was configured
 * so, and a search by hand finds it in /lib/modules.
 */
export function contentIdentity(fs: HostFs, path: string): string {
  const info = fs.stat(path);
  return info === undefined ? 'absent' : `${info.device}.${info.inode}.${info.size}.${info.changed}`;
}

/**
 * A word for the file that modprobe would load and for what made depmod choose it. Another one, once the file is
 * gone or replaced, or the settings have changed.
 */
export function shadowIdentity(fs: HostFs, release: string): string {
  const identify = (path: string): string => fileIdentity(fs, path);
  const settings = DEPMOD_SETTINGS.flatMap((folder) => fs.list(folder).map((name) => `${folder}/${name}`));
  const module = findModule(fs, release);
  return [...(module === undefined ? [] : [module]), ...settings].map(identify).join(' ');
}

/** Module files of ours under a release's folder that depmod's index may not know: what a killed install leaves. */
export function strayModules(fs: HostFs, release: string): string[] {
  return MODULE_FOLDERS.flatMap((folder) =>
    fs
      .list(`/lib/modules/${release}/${folder}`)
      .filter((name) => MODULE_FILE.test(name))
      .map((name) => `/lib/modules/${release}/${folder}/${name}`),
  );
}

/**
 * Every module file of ours in the folder of a kernel that is gone, wherever it lies there: such a folder is small.
 * Links, as to a build tree, are not followed.
 */
export function leftModules(fs: HostFs, release: string): string[] {
  const search = (folder: string): string[] =>
    fs.list(folder).flatMap((name) => {
      const path = `${folder}/${name}`;
      if (fs.lstat(path)?.kind === 'folder') return search(path);
      return MODULE_FILE.test(name) ? [path] : [];
    });
  return search(`/lib/modules/${release}`);
}

/** `modinfo -0` begins each file with this, and gives its fields as `name=value`. */
const FILE_NAME = 'filename:';

async function readModules(
  host: Pick<Host, 'exec'>,
  paths: readonly string[],
): Promise<Map<string, ModuleInfo>> {
  if (paths.length === 0) return new Map();
  const answer = await host.exec.query('modinfo', ['-0', ...paths]);
  const infos = parseModinfo(answer.stdout);
  if (infos.size === 0 && answer.code !== 0) {
    const why = answer.stderr.trim().split('\n')[0] || `modinfo ended with ${answer.code}`;
    const info = couldNotRun(answer.code)
      ? unread(`modinfo could not look at it: ${why}`)
      : { ...UNREADABLE, broken: why };
    for (const path of paths) infos.set(path, info);
  }
  return infos;
}

/** What `modinfo -0` says, by the file that it says it of. */
function parseModinfo(output: string): Map<string, ModuleInfo> {
  const infos = new Map<string, ModuleInfo>();
  let file: string | undefined;
  let fields = new Map<string, string>();
  let aliases: string[] = [];
  for (const entry of output.split('\0')) {
    if (entry.startsWith(FILE_NAME)) {
      file = entry.slice(FILE_NAME.length).trim();
      fields = new Map();
      aliases = [];
    }
    const equals = entry.indexOf('=');
    if (equals > 0) fields.set(entry.slice(0, equals), entry.slice(equals + 1).trim());
    if (entry.startsWith('alias=')) aliases.push(entry.slice('alias='.length).trim());
    if (file !== undefined) infos.set(file, { ...describe(fields), aliases });
  }
  return infos;
}

/** What chroot and env end with when they cannot do their part, and more where a signal ended it. */
function couldNotRun(code: number): boolean {
  return code >= 125;
}

function unread(why: string): ModuleInfo {
  return { ...UNREADABLE, broken: undefined, unread: why };
}

/** Asked before modinfo, whose words about what it may not read are those about what is damaged. */
function isReadable(fs: HostFs, path: string): boolean {
  return fs.readEnd(path, 1) !== undefined || !fs.denied.has(path);
}

const UNREADABLE: ModuleInfo = {
  version: undefined,
  vermagic: undefined,
  sourceVersion: undefined,
  broken: 'modinfo cannot read it: the file is damaged or incomplete',
};

function describe(fields: ReadonlyMap<string, string>): ModuleInfo {
  const vermagic = fields.get('vermagic');
  return {
    version: fields.get('version'),
    vermagic,
    sourceVersion: fields.get('srcversion'),
    signature: signatureOf(fields),
    broken: vermagic === undefined ? 'it carries no vermagic: the file is damaged or incomplete' : undefined,
  };
}

/** A modinfo that was built without a library for certificates tells that there is a signature, and no more. */
function signatureOf(fields: ReadonlyMap<string, string>): ModuleInfo['signature'] {
  if (!fields.has('sig_id')) return undefined;
  const serial = fields.get('sig_key')?.replaceAll(':', '').toLowerCase().replace(/^0+/, '');
  return {
    signer: fields.get('signer') || undefined,
    serial: serial || undefined,
    hash: fields.get('sig_hashalgo') || undefined,
  };
}

function infoOf(infos: ReadonlyMap<string, ModuleInfo>, path: string): ModuleInfo {
  return infos.get(path) ?? UNREADABLE;
}
