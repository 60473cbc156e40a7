// The guests' root file systems: Debian with one init system, a compiler, dkms and two real kernels, made by
// mmdebstrap and kept in .cache/vm.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listsMayBeOld, MACHINE_APT, searchNames, updateLists } from '../../system/support/apt.ts';
import { command } from '../../system/support/command.ts';
import { chooseKernels, type GuestKernels } from './kernels.ts';
import { FOLDER, IMAGE_SCRIPTS, INITS, type Init } from './places.ts';
import { aptSettings, debianSources, debianSuite } from './sources.ts';

export interface BaseImage {
  init: Init;
  kernels: GuestKernels;
  /** The root file system, as a folder. */
  root: string;
  /** Holds `vmlinuz-RELEASE` and `initrd.img-RELEASE` of both kernels, for QEMU to boot. */
  boot: string;
}

const COMMON_PACKAGES = ['udev', 'kmod', 'dkms', 'make', 'gcc', 'libc6-dev', 'initramfs-tools'];

const INIT_PACKAGES: Record<Init, readonly string[]> = {
  systemd: ['systemd', 'systemd-sysv'],
  // Something essential has to be /sbin/init; what boots is /sbin/openrc-init.
  openrc: ['openrc', 'sysvinit-core'],
};

const LEFT_OUT = [
  ...['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'],
  // No guest has a network or several disks; half of a kernel's modules are for those, and each depmod reads them.
  ...['net', 'drivers/net', 'drivers/infiniband', 'drivers/md'].map(
    (part) => `/lib/modules/*/kernel/${part}/*`,
  ),
];

const BASES = join(FOLDER, 'bases');
const KERNELS = join(FOLDER, 'kernels.json');

class NoSuchKernels extends Error {}

/** Makes what is missing; both at once, since each waits for downloads half of the time. */
export async function ensureBases(log: (line: string) => void): Promise<BaseImage[]> {
  try {
    return await ensureOnce(log);
  } catch (error) {
    if (!listsMayBeOld(error) && !(error instanceof NoSuchKernels)) throw error;
    log('the package lists look old: apt-get update');
    await updateLists(MACHINE_APT);
    return await ensureOnce(log);
  }
}

async function ensureOnce(log: (line: string) => void): Promise<BaseImage[]> {
  const kernels = await findKernels();
  const suite = await debianSuite();
  const keys = await Promise.all(INITS.map((init) => keyOf(init, suite, kernels)));
  const wanted = INITS.map((init, index) => baseAt(init, kernels, keys[index] ?? ''));
  const made = await Promise.allSettled(wanted.map((base) => ensureBase(base, suite, log)));
  for (const one of made) if (one.status === 'rejected') throw one.reason;
  await forgetOthers(keys);
  return wanted;
}

/** Without package lists, what was chosen last time is what there is. */
async function findKernels(): Promise<GuestKernels> {
  const names = await searchNames('^linux-(image|headers)-6.*-cloud-amd64$');
  const found = chooseKernels(names);
  if (found === undefined) {
    if (names.length === 0 && existsSync(KERNELS)) {
      return JSON.parse(readFileSync(KERNELS, 'utf8')) as GuestKernels;
    }
    throw new NoSuchKernels('apt knows no two kernels linux-image-6.…-cloud-amd64; Debian 12 has them');
  }
  await mkdir(FOLDER, { recursive: true });
  await writeFile(KERNELS, `${JSON.stringify(found)}\n`);
  return found;
}

function packagesOf(init: Init, { first, second }: GuestKernels): string[] {
  const kernels = [first, second].flatMap((release) => [
    `linux-image-${release}`,
    `linux-headers-${release}`,
  ]);
  return [...INIT_PACKAGES[init], ...COMMON_PACKAGES, ...kernels];
}

/** Names the content: the packages asked for, the suite, and the code that makes an image of them. */
async function keyOf(init: Init, suite: string, kernels: GuestKernels): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([suite, packagesOf(init, kernels), LEFT_OUT]));
  for (const script of ['before-packages.sh', 'after-packages.sh']) {
    hash.update(await readFile(join(IMAGE_SCRIPTS, script)));
  }
  return `${init}-${hash.digest('hex').slice(0, 16)}`;
}

function baseAt(init: Init, kernels: GuestKernels, key: string): BaseImage {
  const folder = join(BASES, key);
  return { init, kernels, root: join(folder, 'root'), boot: join(folder, 'boot') };
}

async function ensureBase(base: BaseImage, suite: string, log: (line: string) => void): Promise<void> {
  const folder = join(base.root, '..');
  if (existsSync(folder)) return;
  log(`making the ${base.init} image (a minute or two)`);
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await bootstrap(base, suite, draft);
  const { first, second } = base.kernels;
  await cp(join(draft, 'root/boot'), join(draft, 'boot'), { recursive: true });
  await cp(join(draft, 'root/var/lib/held-kernels', second, 'boot'), join(draft, 'boot'), {
    recursive: true,
  });
  for (const file of [first, second].flatMap((release) => [`vmlinuz-${release}`, `initrd.img-${release}`])) {
    if (!existsSync(join(draft, 'boot', file)))
      throw new Error(`${base.init}: the image has no /boot/${file}`);
  }
  await rename(draft, folder);
}

async function bootstrap(base: BaseImage, suite: string, folder: string): Promise<void> {
  const { init, kernels } = base;
  const sources = join(folder, 'sources.list');
  await writeFile(sources, await debianSources());
  const settings = [
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    ...(await aptSettings()),
  ];
  // What it mounts goes with it, even where it is killed: nobody who deletes the folder reaches into /sys.
  await command([
    ...['unshare', '--mount', '--propagation', 'private', '--'],
    'mmdebstrap',
    '--quiet',
    '--variant=apt',
    '--format=directory',
    `--include=${packagesOf(init, kernels).join(',')}`,
    ...settings.map((setting) => `--aptopt=${setting}`),
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--essential-hook='${join(IMAGE_SCRIPTS, 'before-packages.sh')}' "$1"`,
    `--customize-hook='${join(IMAGE_SCRIPTS, 'after-packages.sh')}' "$1" '${kernels.second}'`,
    suite,
    join(folder, 'root'),
    sources,
  ]);
}

/** Images of kernels that are no longer the newest would otherwise pile up. */
async function forgetOthers(kept: readonly string[]): Promise<void> {
  for (const name of await readdir(BASES)) {
    if (!kept.includes(name)) await rm(join(BASES, name), { recursive: true, force: true });
  }
}
