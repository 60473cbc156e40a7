// Archives of kernels' build trees: what out-of-tree builds need of one, kept for when the tree is removed.
import { EXIT, TtkmdError } from '../host/errors.ts';
import { fileIdentity } from '../host/file-identity.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { readOption } from './configuration.ts';
import { type TarSettings, tar } from './tar.ts';

export const ARCHIVE_FOLDER = '/var/lib/ttkmd/archive';

export interface KernelArchive {
  readonly release: string;
  readonly path: string;
  readonly bytes: number;
  /** A word for the file, which is another one once that is replaced or its rights are changed. */
  readonly identity: string;
}

/** What the kernel's own packagers keep for such builds, where it is there: kernel-build.eclass, scripts/package/. */
const MEMBERS = [
  '.config',
  'Kbuild',
  'Makefile',
  'Module.symvers',
  'dist-kernel',
  'include',
  'scripts',
  'tools/objtool',
  'tools/bpf/resolve_btfids',
];

/** Of an architecture's folder. */
const ARCHITECTURE_FILES = ['Makefile*', 'Kbuild*', '*.lds', 'crtsavres.o'];

/** Left by the kernel's build, and read by no other. */
const PRODUCTS = ['scripts/*.o', 'scripts/*.a', 'tools/*.o', 'tools/*.a', '*.cmd'];

/** Whatever they are doing in there. */
const KEYS = ['*.pem', '*.key', '*.priv', '*.p12', '*.pfx'];

/** The archives that are there. */
export function observeArchives(fs: HostFs): KernelArchive[] {
  return fs.list(ARCHIVE_FOLDER).flatMap((name) => {
    const release = /^([^.].*)\.tar\.(?:zst|xz)$/.exec(name)?.[1];
    const path = `${ARCHIVE_FOLDER}/${name}`;
    const info = fs.stat(path);
    return release === undefined || info?.kind !== 'file'
      ? []
      : [{ release, path, bytes: info.size, identity: fileIdentity(fs, path) }];
  });
}

/**
 * Why a build tree cannot be kept: one that takes its Makefile from another folder is useless without that.
 * Undefined where it can.
 */
export function whyNotArchived(fs: HostFs, tree: string): string | undefined {
  const isWhole =
    /^VERSION\s*=/m.test(fs.readText(`${tree}/Makefile`) ?? '') &&
    ['include', 'scripts'].every((name) => fs.lstat(`${tree}/${name}`)?.kind === 'folder');
  return isWhole ? undefined : `${tree} is a part of a build tree; the rest is elsewhere`;
}

/**
 * Writes the archive of a build tree, in one step, and takes the place of an older one.
 * @throws TtkmdError where tar could not
 */
export async function makeArchive(
  host: Host,
  release: string,
  tree: string,
  settings: TarSettings,
): Promise<KernelArchive> {
  const { fs } = host;
  const [option, ending] = await compression(host);
  const path = `${ARCHIVE_FOLDER}/${release}.tar.${ending}`;
  const draft = `${ARCHIVE_FOLDER}/.${release}.tar.${process.pid}.new`;
  fs.makeFolder(ARCHIVE_FOLDER, 0o755);
  const members = await membersOf(host, tree);
  const excluded = [...PRODUCTS, ...KEYS, ...signingKey(fs, tree)].map((pattern) => `--exclude=${pattern}`);
  const how = ['--create', option, '--file', draft, '--directory', tree, '--numeric-owner'];
  try {
    await tar(host, [...how, ...excluded, '--', ...members], settings);
    const bytes = fs.stat(draft)?.size ?? 0;
    for (const older of observeArchives(fs)) {
      if (older.release === release && older.path !== path) fs.remove(older.path);
    }
    fs.rename(draft, path);
    return { release, path, bytes, identity: fileIdentity(fs, path) };
  } catch (error) {
    fs.remove(draft);
    throw error;
  }
}

/** Tar's option and the file's ending, by the program that is there; zstd is the faster one. */
async function compression({ exec }: Host): Promise<readonly [string, string]> {
  for (const [program, option, ending] of [
    ['zstd', '--zstd', 'zst'],
    ['xz', '--xz', 'xz'],
  ] as const) {
    if ((await exec.query(program, ['--version'])).code === 0) return [option, ending];
  }
  throw new TtkmdError(
    'no-compressor',
    'Neither zstd nor xz is installed, so build trees cannot be archived.',
    'install one: emerge app-arch/zstd (Debian: apt install zstd), or set archive = no below [kernels]',
    EXIT.stepFailed,
  );
}

async function membersOf({ exec, fs }: Host, tree: string): Promise<string[]> {
  const members = MEMBERS.filter((name) => fs.lstat(`${tree}/${name}`) !== undefined);
  const certificates = fs.list(`${tree}/certs`).filter((name) => name.endsWith('.x509'));
  members.push(...certificates.map((name) => `certs/${name}`));
  // The one that the kernel was built for; a source tree has all of them.
  const built = fs.list(`${tree}/arch`).filter((name) => fs.exists(`${tree}/arch/${name}/include/generated`));
  for (const arch of built) {
    const folder = `arch/${arch}`;
    const names = ARCHITECTURE_FILES.flatMap((name, index) => [...(index > 0 ? ['-o'] : []), '-name', name]);
    const { stdout } = await exec.query('find', [
      `${tree}/${folder}`,
      ...['-path', `${tree}/${folder}/include`, '-prune', '-o', '-type', 'f', '(', ...names, ')', '-print'],
    ]);
    const found = stdout.split('\n').filter((path) => path !== '');
    members.push(`${folder}/include`, ...found.map((path) => path.slice(tree.length + 1)));
  }
  return members;
}

/** The key that the kernel's modules were signed with, wherever the tree has it. */
function signingKey(fs: HostFs, tree: string): string[] {
  const key = readOption(fs.readText(`${tree}/.config`) ?? '', 'MODULE_SIG_KEY');
  return key === undefined || key === '' || /^(?:\/|pkcs11:)/.test(key) ? [] : [key];
}
