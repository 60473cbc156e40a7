// Kernels as they come into a sandbox, in the layout of Debian or of Gentoo.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { command } from './command.ts';
import { locked } from './lock.ts';
import type { KernelPart } from './parts.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxKernel, Shape } from './sandbox-options.ts';

// A tree is hard-linked in a second.
const LOCK_SECONDS = 120;

/** A kernel's places. */
export function kernelOf(shape: Shape, release: string): SandboxKernel {
  return shape === 'debian'
    ? // Debian's package has its image nowhere but in /boot, where it lies before any hook runs.
      { release, shape, buildTree: `/usr/src/linux-headers-${release}`, image: `/boot/vmlinuz-${release}` }
    : // The image lies in the modules folder, where depclean leaves it; the build tree links to it.
      { release, shape, buildTree: `/usr/src/linux-${release}`, image: `/lib/modules/${release}/vmlinuz` };
}

/** Where the files of kernels lie ready that may yet come: as large as they are, they are only renamed then. */
const READY = '/usr/share/kernels-to-come';

/** Where the two folders of a Gentoo kernel are. */
interface Folders {
  readonly tree: string;
  readonly modules: string;
}

function foldersOf(release: string): Folders {
  return { tree: kernelOf('gentoo', release).buildTree, modules: `/usr/lib/modules/${release}` };
}

function readyFolders(release: string): Folders {
  return { tree: `${READY}/${release}/tree`, modules: `${READY}/${release}/modules` };
}

/** The files of a kernel that is there from the start: a folder laid out like a root, to lie below a sandbox's changes. */
export async function kernelLayer(part: KernelPart, shape: Shape): Promise<string> {
  return shape === 'debian' ? part.root : gentooLayer(part, 'gentoo', foldersOf(part.gentooRelease));
}

/** The files of a kernel of Gentoo's that may come. */
export function readyLayer(part: KernelPart): Promise<string> {
  return gentooLayer(part, 'ready', readyFolders(part.gentooRelease));
}

/** Made once, as links to the files of the part. */
async function gentooLayer(part: KernelPart, name: string, { tree, modules }: Folders): Promise<string> {
  const layer = join(dirname(part.tree), name);
  if (existsSync(layer)) return layer;
  await locked(`${layer}.lock`, LOCK_SECONDS, async () => {
    if (existsSync(layer)) return;
    const draft = `${layer}.new`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(join(draft, dirname(tree)), { recursive: true });
    await command(['cp', '-al', part.tree, join(draft, tree)]);
    for (const [path, file] of gentooFiles(part, part.gentooRelease, { tree, modules })) {
      const place = join(draft, path);
      await mkdir(dirname(place), { recursive: true });
      // Another file, since the one that is there is the part's.
      await rm(place, { force: true });
      if (typeof file === 'object' && 'link' in file) await symlink(file.link, place);
      else await writeFile(place, file);
    }
    await rename(draft, layer);
  });
  return layer;
}

/** A kernel's files come into a sandbox that runs. */
export async function bringKernel(sandbox: Sandbox, part: KernelPart, kernel: SandboxKernel): Promise<void> {
  if (kernel.shape === 'debian') return copyTree(sandbox, `${part.root}/usr`, '/usr');
  const ready = readyFolders(kernel.release);
  const folders = foldersOf(kernel.release);
  const isFree = !(await sandbox.exists(folders.tree)) && !(await sandbox.exists(folders.modules));
  if (isFree && (await sandbox.exists(ready.tree))) {
    await sandbox.run(['mv', ready.tree, folders.tree]);
    await sandbox.run(['mv', ready.modules, folders.modules]);
    return;
  }
  await copyTree(sandbox, part.tree, folders.tree);
  for (const [path, file] of gentooFiles(part, kernel.release, folders)) {
    if (typeof file === 'object' && 'link' in file) await sandbox.link(file.link, path);
    else await sandbox.write(path, file);
  }
}

type File = string | Uint8Array | { readonly link: string };

/** What a kernel of Gentoo's has besides the files of its build tree, by the paths. */
function gentooFiles({ version }: KernelPart, release: string, { tree, modules }: Folders): [string, File][] {
  return [
    [`${tree}/dist-kernel`, `sys-kernel/gentoo-kernel-${version}:${version}\n`],
    [`${tree}/include/config/kernel.release`, `${release}\n`],
    [`${tree}/include/generated/utsrelease.h`, `#define UTS_RELEASE "${release}"\n`],
    [`${modules}/vmlinuz`, imageOf(release)],
    [`${tree}/arch/x86/boot/bzImage`, { link: `../../../../../../lib/modules/${release}/vmlinuz` }],
    [`${modules}/build`, { link: `../../../src/linux-${release}` }],
    [`${modules}/source`, { link: `../../../src/linux-${release}` }],
  ];
}

/** As cp -a, in a third of the time: a kernel's tree is ten thousand files. */
async function copyTree(sandbox: Sandbox, from: string, to: string): Promise<void> {
  const script = 'mkdir -p "$2" && tar -C "$1" -cf - . | tar -C "$2" --no-overwrite-dir -xf -';
  await sandbox.run(['sh', '-c', script, 'sh', from, to]);
}

/** What an image package would have brought besides the link to the build tree. */
export async function addModulesFolder(sandbox: Sandbox, release: string): Promise<void> {
  const folder = `/lib/modules/${release}`;
  await sandbox.run(['mkdir', '-p', `${folder}/kernel/drivers/net`]);
  await sandbox.write(`${folder}/modules.order`, '');
  await sandbox.write(`${folder}/modules.builtin`, 'kernel/fs/ext4/ext4.ko\nkernel/drivers/pci/pci.ko\n');
  await sandbox.write(`${folder}/modules.builtin.modinfo`, 'ext4.license=GPL\0');
  await sandbox.run(['depmod', release]);
}

/** Nothing boots it; hooks that look at the file find the boot protocol's magic at its offset. */
export function imageOf(release: string): Uint8Array {
  const image = Buffer.alloc(4096);
  image.write('HdrS', 0x202);
  image.write(`${release} (ttkmd's sandbox)`, 0x300);
  return image;
}
