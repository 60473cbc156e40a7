// Which program makes initramfs images here: a stale driver is taken out of one by making it anew.
import type { HostFs } from '../host/fs.ts';

export type InitramfsTool = 'dracut' | 'mkinitcpio' | 'genkernel' | 'update-initramfs';

const TOOLS: readonly InitramfsTool[] = ['dracut', 'mkinitcpio', 'genkernel', 'update-initramfs'];

/** The first that is installed; several are rare, and dracut is Gentoo's and systemd's choice. */
export function observeInitramfsTool(fs: HostFs): InitramfsTool | undefined {
  return TOOLS.find((name) => ['/usr/bin', '/usr/sbin'].some((folder) => fs.exists(`${folder}/${name}`)));
}
