// What a machine with Secure Boot boots through, of Debian's packages: firmware that has Microsoft's keys, the shim that
// these have signed, its MOK manager, and the GRUB and kernels that Debian has signed. With them come the tools that
// enroll a key. Unpacked once, into .cache/vm; nothing is installed.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listsMayBeOld, MACHINE_APT, unpack, updateLists } from '../../system/support/apt.ts';
import { command } from '../../system/support/command.ts';
import { locked } from '../../system/support/lock.ts';
import { FOLDER } from './places.ts';
import type { KernelBoot } from './qemu.ts';

export interface Firmware {
  /** Runs, and keeps its variables in the other one, of which each guest has a copy. */
  code: string;
  variables: string;
  /** Where the programs lie that the boot partition gets. */
  root: string;
  /** An archive of mokutil, openssl and their libraries, for a guest, as base64. */
  tools: string;
}

const PROGRAMS = ['ovmf', 'shim-signed', 'shim-helpers-amd64-signed', 'grub-efi-amd64-signed'];
const TOOLS = ['mokutil', 'libefivar1', 'openssl'];

const KEPT = join(FOLDER, 'secure-boot');
const LOCK_SECONDS = 300;

export async function secureBootFirmware(): Promise<Firmware> {
  await mkdir(KEPT, { recursive: true });
  return await locked(join(KEPT, 'lock'), LOCK_SECONDS, async () => {
    try {
      return await ensure();
    } catch (error) {
      if (!listsMayBeOld(error)) throw error;
      await updateLists(MACHINE_APT);
      return await ensure();
    }
  });
}

async function ensure(): Promise<Firmware> {
  const shown = await command(['apt-cache', 'show', '--no-all-versions', ...PROGRAMS, ...TOOLS]);
  const key = createHash('sha256').update(shown).digest('hex').slice(0, 16);
  const folder = join(KEPT, key);
  if (!existsSync(folder)) {
    const draft = `${folder}.new`;
    await rm(draft, { recursive: true, force: true });
    await unpack(MACHINE_APT, PROGRAMS, join(draft, 'programs'));
    await unpack(MACHINE_APT, TOOLS, join(draft, 'tools'));
    await rename(draft, folder);
    for (const name of await readdir(KEPT)) {
      if (name !== key && name !== 'lock') await rm(join(KEPT, name), { recursive: true, force: true });
    }
  }
  const root = join(folder, 'programs/usr');
  return {
    code: join(root, 'share/OVMF/OVMF_CODE_4M.secboot.fd'),
    variables: join(root, 'share/OVMF/OVMF_VARS_4M.ms.fd'),
    root,
    tools: await command([
      'sh',
      '-c',
      'tar -cz --exclude=usr/share -C "$0" etc usr | base64',
      join(folder, 'tools'),
    ]),
  };
}

/** The folder that a guest takes for its boot partition: what firmware looks for, and a GRUB that asks nothing. */
export async function bootPartition(
  folder: string,
  { root }: Firmware,
  { kernel, initrd, append }: KernelBoot,
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const programs = join(folder, 'EFI/BOOT');
  await mkdir(programs, { recursive: true });
  await copyFile(join(root, 'lib/shim/shimx64.efi.signed'), join(programs, 'BOOTX64.EFI'));
  await copyFile(join(root, 'lib/shim/mmx64.efi.signed'), join(programs, 'mmx64.efi'));
  await copyFile(join(root, 'lib/grub/x86_64-efi-signed/grubx64.efi.signed'), join(programs, 'grubx64.efi'));
  await symlink(kernel, join(folder, 'vmlinuz'));
  await symlink(initrd, join(folder, 'initrd'));
  await mkdir(join(folder, 'EFI/debian'));
  await writeFile(join(folder, 'EFI/debian/grub.cfg'), `linux /vmlinuz ${append}\ninitrd /initrd\nboot\n`);
}
