// Which two kernels the guests have: real ones of the archive, chosen from what it has today.

/** Kernel releases, e.g. `6.1.0-56-cloud-amd64`. */
export interface GuestKernels {
  /** What a fresh guest boots: the newest of the oldest series. */
  first: string;
  /** What arrives later: the newest of all. */
  second: string;
}

// The cloud flavour has all that these guests need (virtio, ext4, the serial console), and a quarter of the
// modules. Packages without a full version, like linux-image-6.12-cloud-amd64, only point at the newest.
const IMAGE = /^linux-image-(\d+\.\d+)([.\w+~-]*)-cloud-amd64$/;
const HAS_RELEASE = /^\.\d/;

/** @param packages names that `apt-cache search` found, images and headers */
export function chooseKernels(packages: readonly string[]): GuestKernels | undefined {
  const there = new Set(packages);
  const found = packages
    .flatMap((name) => {
      const [, series = '', rest = ''] = IMAGE.exec(name) ?? [];
      const release = name.replace('linux-image-', '');
      return HAS_RELEASE.test(rest) && there.has(`linux-headers-${release}`) ? [{ release, series }] : [];
    })
    .sort((one, other) => one.release.localeCompare(other.release, 'en', { numeric: true }));
  const second = found.at(-1)?.release;
  const oldest = found[0]?.series;
  const first = found.findLast(({ series, release }) => series === oldest && release !== second)?.release;
  return first === undefined || second === undefined ? undefined : { first, second };
}
