// Boot images, by the names and places that installers give them.
import type { HostFs } from '../host/fs.ts';

const FOLDERS = ['/boot', '/efi', '/boot/efi'];
const IMAGE_NAME = /^(?:vmlinuz|vmlinux|kernel|bzImage|Image|linux)(?:-[A-Za-z][\w.]*)*-(?=\d)/;

/** Finds the boot image of a release; reads each folder once, however many kernels there are. */
export type FindImage = (release: string) => string | undefined;

/**
 * Looks in `/boot` and the EFI partition: `vmlinuz-<release>` and its kin, the boot loader specification's
 * `<machine-id>/<release>/linux`, and unified images `EFI/Linux/*<release>.efi`.
 */
export function observeImages(fs: HostFs): FindImage {
  const byRelease = new Map<string, string>();
  const unified: string[] = [];
  for (const folder of FOLDERS) {
    for (const name of fs.list(folder)) {
      const prefix = name.match(IMAGE_NAME)?.[0];
      if (prefix !== undefined) remember(byRelease, name.slice(prefix.length), `${folder}/${name}`);
      else if (/^[0-9a-f]{32}$/.test(name) || name === 'gentoo')
        collectEntries(fs, `${folder}/${name}`, byRelease);
    }
    for (const name of fs.list(`${folder}/EFI/Linux`)) {
      if (name.endsWith('.efi')) unified.push(`${folder}/EFI/Linux/${name}`);
    }
  }
  return (release) =>
    byRelease.get(release) ??
    unified.find((path) => path.includes(`/${release}.efi`) || path.endsWith(`-${release}.efi`));
}

function collectEntries(fs: HostFs, folder: string, byRelease: Map<string, string>): void {
  for (const release of fs.list(folder)) {
    if (fs.exists(`${folder}/${release}/linux`)) remember(byRelease, release, `${folder}/${release}/linux`);
  }
}

function remember(byRelease: Map<string, string>, release: string, path: string): void {
  if (!byRelease.has(release)) byRelease.set(release, path);
}
