// Kernels as they come into a sandbox, in the layout of Debian or of Gentoo.
import type { KernelPart } from './parts.ts';
import type { Sandbox } from './sandbox.ts';
import type { SandboxKernel } from './sandbox-options.ts';

export async function addDebianKernel(
  sandbox: Sandbox,
  part: KernelPart,
  release: string,
): Promise<SandboxKernel> {
  await copyTree(sandbox, `${part.root}/usr`, '/usr');
  const buildTree = `/usr/src/linux-headers-${release}`;
  await sandbox.run(['cp', `${buildTree}/.config`, `/boot/config-${release}`]);
  // Debian's package has its image nowhere but in /boot, where it lies before any hook runs.
  return { release, shape: 'debian', buildTree, image: `/boot/vmlinuz-${release}` };
}

export async function addGentooKernel(
  sandbox: Sandbox,
  part: KernelPart,
  release: string,
): Promise<SandboxKernel> {
  const buildTree = `/usr/src/linux-${release}`;
  await copyTree(sandbox, part.tree, buildTree);
  const version = part.version;
  await sandbox.write(`${buildTree}/dist-kernel`, `sys-kernel/gentoo-kernel-${version}:${version}\n`);
  await sandbox.write(`${buildTree}/include/config/kernel.release`, `${release}\n`);
  await sandbox.write(`${buildTree}/include/generated/utsrelease.h`, `#define UTS_RELEASE "${release}"\n`);
  // The image lies in the modules folder, where depclean leaves it; the build tree links to it.
  const image = `/lib/modules/${release}/vmlinuz`;
  await sandbox.write(image, imageOf(release));
  await sandbox.link(
    `../../../../../../lib/modules/${release}/vmlinuz`,
    `${buildTree}/arch/x86/boot/bzImage`,
  );
  for (const link of ['build', 'source']) {
    await sandbox.link(`../../../src/linux-${release}`, `/lib/modules/${release}/${link}`);
  }
  return { release, shape: 'gentoo', buildTree, image };
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
