// Where this machine keeps its kernel command line, which makes pages of 1 GiB sure.
import type { HostFs } from '../host/fs.ts';
import { parseCommandLine } from './command-line-words.ts';
import type { CommandLinePlace } from './hugepages.ts';

export interface BootedKernel {
  readonly release: string;
  readonly image: string | undefined;
  /** Portage's name of a dist-kernel, with its version. */
  readonly package: string | undefined;
  /** The option CONFIG_CMDLINE_OVERRIDE: what boot loaders say does not count. */
  readonly ownLineOnly: boolean;
}

/** What to do, as one sentence. */
export function commandLineAdvice(words: string, { where, after, present }: CommandLinePlace): string {
  const instead = present === undefined ? '' : `, in place of ${present}`;
  return `to be sure of them, add ${words} to ${where}${instead}; ${after === undefined ? '' : `then ${after}, and `}reboot`;
}

/** Looked for only where it is to be told. */
export function observeCommandLine(fs: HostFs, kernel: BootedKernel | undefined): CommandLinePlace {
  return { ...placeOf(fs, kernel), ...parseCommandLine(fs.readText('/proc/cmdline') ?? '') };
}

type Place = Pick<CommandLinePlace, 'where' | 'after'>;

function placeOf(fs: HostFs, kernel: BootedKernel | undefined): Place {
  if (kernel?.ownLineOnly) {
    return {
      where:
        'CONFIG_CMDLINE in the configuration of the kernel, which heeds no other line (CONFIG_CMDLINE_OVERRIDE)',
      after: 'build and install that kernel again',
    };
  }
  const layout = installLayout(fs);
  const ofGrub = grub(fs);
  const kernelLine = '/etc/kernel/cmdline';
  const isKernels = fs.exists(kernelLine) && (ofGrub === undefined || layout === 'uki' || layout === 'bls');
  if (isKernels) return { where: kernelLine, after: `install the kernel again: ${installAgain(kernel)}` };
  if (ofGrub !== undefined) return ofGrub;
  const entry = loaderEntry(fs, kernel?.release);
  if (entry !== undefined) {
    const lasting = `write the same line to ${kernelLine}, from which the entries of later kernels are made`;
    return { where: `the line "options" of ${entry}`, after: lasting };
  }
  return { where: 'the kernel command line, in the settings of your boot loader', after: undefined };
}

function grub(fs: HostFs): Place | undefined {
  if (!fs.exists('/etc/default/grub')) return undefined;
  const where = 'GRUB_CMDLINE_LINUX in /etc/default/grub';
  if (fs.exists('/usr/sbin/update-grub')) return { where, after: 'run update-grub' };
  // Fedora and its kin name both the folder and the program after GRUB's second version.
  const name = fs.exists('/boot/grub2') && !fs.exists('/boot/grub') ? 'grub2' : 'grub';
  return { where, after: `run ${name}-mkconfig -o /boot/${name}/grub.cfg` };
}

/** What kernel-install(8) lays kernels out for. */
function installLayout(fs: HostFs): string | undefined {
  const texts = ['/etc/kernel/install.conf', '/usr/lib/kernel/install.conf'].flatMap(
    (path) => fs.readText(path) ?? [],
  );
  return texts.flatMap((text) => /^\s*layout\s*=\s*"?(\w+)/m.exec(text)?.[1] ?? [])[0];
}

function installAgain(kernel: BootedKernel | undefined): string {
  if (kernel?.package !== undefined) return `emerge --config =${kernel.package.replace(/:.*/, '')}`;
  const release = kernel?.release ?? '$(uname -r)';
  return `kernel-install add ${release} ${kernel?.image ?? `/lib/modules/${release}/vmlinuz`}`;
}

function loaderEntry(fs: HostFs, release: string | undefined): string | undefined {
  for (const folder of ['/boot', '/efi', '/boot/efi'].map((top) => `${top}/loader/entries`)) {
    const names = fs.list(folder).filter((name) => name.endsWith('.conf'));
    const name = names.find((one) => release !== undefined && one.includes(release)) ?? names[0];
    if (name !== undefined) return `${folder}/${name}`;
  }
  return undefined;
}
