// What to change on a kernel so that the driver builds for it, by the way that the kernel came to the machine.
import type { DiagnosedKernel } from './diagnose.ts';

interface NeededOption {
  /** Symbols that it provides. */
  readonly symbols: RegExp;
  readonly option: string;
  /** What to set instead where the option has no prompt of its own and another one selects it. */
  readonly set?: string;
}

/** The options behind the symbols that tt-kmd imports, or may one day; the first that fits counts. */
const NEEDED: readonly NeededOption[] = [
  { symbols: /^_*(?:devm_)?hwmon_/, option: 'CONFIG_HWMON' },
  { symbols: /^_*dma_buf_/, option: 'CONFIG_DMA_SHARED_BUFFER', set: 'CONFIG_SYNC_FILE' },
  { symbols: /^_*dma_(?:fence|resv)_/, option: 'CONFIG_DMA_SHARED_BUFFER', set: 'CONFIG_SYNC_FILE' },
  { symbols: /^sync_file_/, option: 'CONFIG_SYNC_FILE' },
  {
    symbols: /^_*pci_(?:alloc_irq_vectors|free_irq_vectors|irq_vector|enable_msi|disable_msi|msi)/,
    option: 'CONFIG_PCI_MSI',
  },
  { symbols: /^_*pci_(?:enable|disable)_sriov|^_*pci_(?:num_vf|vfs_assigned)/, option: 'CONFIG_PCI_IOV' },
  { symbols: /^_*pci(?:_|m_|e_|im_|bus_)/, option: 'CONFIG_PCI' },
  { symbols: /^_*iommu_/, option: 'CONFIG_IOMMU_API', set: 'CONFIG_INTEL_IOMMU or CONFIG_AMD_IOMMU' },
  { symbols: /^_*debugfs_/, option: 'CONFIG_DEBUG_FS' },
  { symbols: /^_*proc_(?:create|mkdir|remove)|^remove_proc_/, option: 'CONFIG_PROC_FS' },
  { symbols: /^_*sysfs_/, option: 'CONFIG_SYSFS' },
  { symbols: /^_*eventfd_/, option: 'CONFIG_EVENTFD' },
  { symbols: /^_*hugetlb_/, option: 'CONFIG_HUGETLBFS' },
  { symbols: /^_*request_firmware|^release_firmware/, option: 'CONFIG_FW_LOADER' },
  { symbols: /^_*thermal_/, option: 'CONFIG_THERMAL' },
  { symbols: /^_*i2c_/, option: 'CONFIG_I2C' },
  { symbols: /^_*(?:mdev|vfio)_/, option: 'CONFIG_VFIO' },
  { symbols: /^_*perf_/, option: 'CONFIG_PERF_EVENTS' },
  { symbols: /^_*crc32/, option: 'CONFIG_CRC32' },
];

/** The options behind some symbols, each once. */
export function neededOptions(symbols: readonly string[]): NeededOption[] {
  const needed = symbols.flatMap((symbol) => NEEDED.find((entry) => entry.symbols.test(symbol)) ?? []);
  return [...new Set(needed)];
}

/** How to turn options on. */
export function turnOn(kernel: DiagnosedKernel, needed: readonly NeededOption[]): string {
  const names = needed.map(({ option, set = option }) => set);
  if (isCloudKernel(kernel.release)) {
    const whole = kernel.release.replace('-cloud', '');
    return `Debian's cloud kernels leave it out: apt install linux-image-${whole} linux-headers-${whole} and boot that one`;
  }
  if (kernel.distKernel) {
    const lines = names.map((name) => name.replaceAll(/CONFIG_\w+/g, '$&=y')).join(' and ');
    return `set ${lines} in /etc/kernel/config.d/50-tenstorrent.config and emerge the kernel again`;
  }
  return `turn on ${names.join(' and ')} with make menuconfig in this kernel's source tree, then build and install the kernel again`;
}

/** How to get a build tree that is whole. */
export function renewTree(kernel: DiagnosedKernel): string {
  const { release } = kernel;
  if (isDebianKernel(kernel)) return `apt install --reinstall linux-headers-${release}`;
  if (kernel.distKernel)
    return `emerge the kernel package of ${release} again, which puts its build tree back`;
  return `build this kernel in its source tree (make, then make modules_install), and look again: ttkmdctl kernels`;
}

/** How a package is installed where this kernel came from. */
export function installPackage(kernel: DiagnosedKernel, gentoo: string, debian: string): string {
  return isDebianKernel(kernel) ? `apt install ${debian}` : `emerge --oneshot ${gentoo}`;
}

/** How to live with a kernel that this driver source cannot be built for. */
export function newerDriver(kernel: DiagnosedKernel): string {
  return `install a driver version that knows this kernel, or leave the kernel out with exclude = ${kernel.release} below [kernels] in /etc/ttkmd/ttkmd.conf`;
}

function isDebianKernel({ release, distKernel }: DiagnosedKernel): boolean {
  return !distKernel && /-(?:amd64|arm64|armmp|686|686-pae|ppc64el|riscv64|generic)$/.test(release);
}

function isCloudKernel(release: string): boolean {
  return /-cloud-(?:amd64|arm64)$/.test(release);
}
