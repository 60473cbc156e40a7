// What the driver needs of a kernel's configuration, what breaks without it, and how it is set.
import type { Configuration, Kernel } from './kernel.ts';
import { compareReleases } from './versions.ts';

export interface NeededOption {
  /** Without CONFIG_. */
  readonly name: string;
  /** Values that will do. */
  readonly values: readonly string[];
  /** What is so without it. */
  readonly without: string;
  /** Where make menuconfig has it. */
  readonly menu: string;
  /** What to set: an option without a prompt of its own is selected by another. */
  readonly set: string;
  /**
   * `kernel`: no driver at all. `driver`: a driver that calls the function does not link without it. `use`: the
   * driver builds, and something is missing when it works.
   */
  readonly need: { readonly by: 'kernel' | 'use' } | { readonly by: 'driver'; readonly calls: string };
}

/** By upstream's source and the kernel's Kconfig files. */
export const NEEDED_OPTIONS: readonly NeededOption[] = [
  {
    name: 'MODULES',
    values: ['y'],
    without: 'this kernel cannot load modules',
    menu: 'Enable loadable module support',
    set: 'MODULES',
    need: { by: 'kernel' },
  },
  {
    name: 'PCI',
    values: ['y'],
    without: 'this kernel knows no PCI devices',
    menu: 'Device Drivers → PCI support',
    set: 'PCI',
    need: { by: 'kernel' },
  },
  {
    name: 'HWMON',
    values: ['y', 'm'],
    without: 'the driver does not link, since hwmon_device_register_with_info is missing',
    menu: 'Device Drivers → Hardware Monitoring support',
    set: 'HWMON',
    need: { by: 'driver', calls: 'hwmon_device_register_with_info' },
  },
  {
    name: 'DMA_SHARED_BUFFER',
    values: ['y'],
    without: 'the driver does not link, since dma_buf_export is missing',
    menu: 'Device Drivers → DMABUF options → Explicit Synchronization Framework, which selects it',
    set: 'SYNC_FILE',
    need: { by: 'driver', calls: 'dma_buf_export' },
  },
  {
    name: 'HUGETLBFS',
    values: ['y'],
    without: 'there are no pages of 1 GiB, which cards without an IOMMU are fed from',
    menu: 'File systems → Pseudo filesystems → HugeTLB file system support',
    set: 'HUGETLBFS',
    need: { by: 'use' },
  },
];

/**
 * Functions that a driver source calls: those that it calls whatever it is built for, with the first kernel version
 * for which it does so, and those that it calls under some condition.
 */
export interface CalledFunctions {
  readonly surely: Readonly<Record<string, string>>;
  readonly maybe: readonly string[];
}

export interface LackingOption {
  readonly option: NeededOption;
  /** `surely`: no driver. `maybe`: the driver may not build. `use`: something is missing when it works. */
  readonly breaks: 'surely' | 'maybe' | 'use';
}

/**
 * What a kernel lacks of what the driver needs; nothing where its configuration is not known.
 * @param calls what the driver source calls; undefined where there is none, and upstream's is meant
 */
export function lackingOptions(
  { release, configuration }: Pick<Kernel, 'release' | 'configuration'>,
  calls: CalledFunctions | undefined,
): LackingOption[] {
  if (Object.keys(configuration).length === 0) return [];
  return NEEDED_OPTIONS.filter((option) => isOff(option, configuration)).flatMap((option) => {
    const breaks = breakage(option, release, calls);
    return breaks === undefined ? [] : [{ option, breaks }];
  });
}

function isOff({ name, values }: NeededOption, configuration: Configuration): boolean {
  return !values.includes(configuration[name] ?? 'n');
}

function breakage(
  { need }: NeededOption,
  release: string,
  calls: CalledFunctions | undefined,
): LackingOption['breaks'] | undefined {
  if (need.by !== 'driver') return need.by === 'kernel' ? 'surely' : 'use';
  if (calls === undefined) return 'surely';
  const from = calls.surely[need.calls];
  if (from !== undefined) return compareReleases(numberOf(release), from) >= 0 ? 'surely' : undefined;
  return calls.maybe.includes(need.calls) ? 'maybe' : undefined;
}

/** A release's own number, without what kernels are called beyond it. */
function numberOf(release: string): string {
  return /^\d+(?:\.\d+)*/.exec(release)?.[0] ?? '0';
}

/** The fragment for `/etc/kernel/config.d`, which dist-kernels merge into their configuration. */
export function configFragment(lacking: readonly LackingOption[]): string {
  return lacking.map(({ option }) => `CONFIG_${option.set}=y\n`).join('');
}

export const FRAGMENT_PATH = '/etc/kernel/config.d/50-tenstorrent.config';

/** How a kernel gets what it lacks, by the way that it came to the machine. */
export function howToSet(
  { release, origin, sourceTree }: Pick<Kernel, 'release' | 'origin' | 'sourceTree'>,
  lacking: readonly LackingOption[],
): string {
  const names = lacking.map(({ option }) => `CONFIG_${option.set}=y`).join(' and ');
  if (origin.kind === 'dist-kernel') return `set ${names} in ${FRAGMENT_PATH} and emerge the kernel again`;
  if (/-cloud-(?:amd64|arm64)$/.test(release)) {
    const whole = release.replace('-cloud', '');
    return `Debian's cloud kernels leave it out: apt install linux-image-${whole} linux-headers-${whole} and boot that one`;
  }
  const where = sourceTree === undefined ? "in this kernel's source tree" : `in ${sourceTree}`;
  return `set ${names} with make menuconfig ${where}, then build and install the kernel again`;
}
