// Boot images, by the names and places that installers give them.
import type { HostFs } from '../host/fs.ts';

/**
 * Where boot partitions and EFI system partitions are: the first three by kernel-install(8), the last is one more
 * that Gentoo's installkernel tries (`$dir/EFI`, to which it adds EFI/<name>).
 */
const MOUNTS = ['/boot', '/efi', '/boot/efi', '/boot/EFI'];

/** A kernel's own name for its image, maybe with a word such as `genkernel-x86_64` between, and then the release. */
const NAMED =
  /^(?:vmlinuz|vmlinux|kernel|bzImage|Image|linux)(?:-[A-Za-z][\w.]*)*-(?<release>\d.*?)(?:\.efi)?$/;

/** What has a kernel's images and no tokens: listing a file for each of a hundred kernels would take its time. */
const TOKEN = /^(?!(?:vmlinu[xz]|kernel|bzImage|initr(?:d|d\.img|amfs)|System\.map|config)-)/;

/** The folders below a mount, and the file at last: each a name, or what it looks like. */
type Place = readonly (string | RegExp)[];

/**
 * Each way to lay out an image. The part with the group `release` tells whose image it is; the group `ending` ends
 * with the release, behind a word that may be anything.
 */
const PLACES: readonly Place[] = [
  // `make install` and the installkernel of Debian and Gentoo: vmlinuz-<release>, installkernel(8) of Gentoo: with
  // .efi where it is a unified image; Gentoo's 90-compat.install and genkernel: kernel-…
  [NAMED],
  // The layout efistub of Gentoo's installkernel: EFI/<NAME of os-release>/{vmlinuz,kernel}-<release>.efi; its
  // 91-grub-mkconfig.install looks for the same names.
  ['EFI', /./, NAMED],
  // systemd's 90-uki-copy.install: EFI/Linux/<entry token>-<release>[+<tries>].efi; Gentoo's installkernel:
  // EFI/Linux/<ID of os-release>-<release>.efi. Counting boots renames it to …+<left>-<done>.efi (Boot Loader
  // Specification, "Boot Counting").
  ['EFI', 'Linux', /^(?<ending>.+)\.efi$/],
  // systemd's 90-loaderentry.install: <entry token>/<release>/linux. The token is the machine's id, or the system's,
  // or whatever /etc/kernel/entry-token says (kernel-install(8)): any folder may be one.
  [TOKEN, /^(?<release>\d.*)$/, 'linux'],
];

/** Finds the boot image of a release; reads each folder once, however many kernels there are. */
export type FindImage = (release: string) => string | undefined;

/** Looks for images in `/boot` and on the EFI partition. */
export function observeImages(fs: HostFs): FindImage {
  const byRelease = new Map<string, string>();
  const unified: { readonly path: string; readonly stems: readonly string[] }[] = [];
  const found = ({ path, release, ending }: Found): void => {
    if (release !== undefined && !byRelease.has(release)) byRelease.set(release, path);
    if (ending !== undefined) unified.push({ path, stems: [ending, ending.replace(/\+\d+(?:-\d+)?$/, '')] });
  };
  for (const mount of MOUNTS) {
    for (const place of PLACES) {
      // To name one partition that this user may not read is enough.
      if (!fs.denied.has(mount)) search(fs, { path: mount }, place, found);
    }
  }
  const ends = (stem: string, release: string): boolean => stem === release || stem.endsWith(`-${release}`);
  return (release) =>
    byRelease.get(release) ?? unified.find(({ stems }) => stems.some((stem) => ends(stem, release)))?.path;
}

interface Found {
  readonly path: string;
  readonly release?: string;
  readonly ending?: string;
}

function search(fs: HostFs, above: Found, [part, ...rest]: Place, found: (image: Found) => void): void {
  if (part === undefined) {
    found(above);
    return;
  }
  if (typeof part === 'string') {
    const path = `${above.path}/${part}`;
    if (rest.length > 0 || fs.exists(path)) search(fs, { ...above, path }, rest, found);
    return;
  }
  for (const name of fs.list(above.path)) {
    const match = name.match(part);
    if (match !== null) search(fs, { ...above, ...match.groups, path: `${above.path}/${name}` }, rest, found);
  }
}
