// What a kernel's build needs of the machine, by its configuration, and the packages that bring it.
import { packagesOf } from '../dkms/diagnose-tools.ts';
import type { HostFs } from '../host/fs.ts';
import { readOption } from '../kernels/configuration.ts';
import type { StageName } from './stages.ts';

/** Something that is missing, with Gentoo's package and Debian's. */
export interface Lack {
  readonly name: string;
  readonly gentoo: string;
  readonly debian: string;
}

const FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];

/** Libraries that tools of the kernel's own build are linked with, by a header of theirs. */
const LIBRARIES = {
  'gelf.h': { name: 'the headers of libelf (gelf.h)', gentoo: 'virtual/libelf', debian: 'libelf-dev' },
  'openssl/opensslv.h': {
    name: 'the headers of OpenSSL (openssl/opensslv.h)',
    gentoo: 'dev-libs/openssl',
    debian: 'libssl-dev',
  },
} as const;

const COMPRESSORS: Readonly<Record<string, string>> = {
  GZIP: 'gzip',
  XZ: 'xz',
  LZMA: 'xz',
  ZSTD: 'zstd',
  LZ4: 'lz4',
  LZO: 'lzop',
  BZIP2: 'bzip2',
};

/** Where installers of boot images are looked for by the kernel's own `make install`. */
const INSTALLERS = ['/sbin/installkernel', '/usr/sbin/installkernel', '/root/bin/installkernel'];

/** Everything that is missing for some stages of a build with that configuration. */
export function lacks(fs: HostFs, config: string, stages: readonly StageName[]): Lack[] {
  const on = (name: string): boolean => ['y', 'm'].includes(readOption(config, name) ?? '');
  const clang = on('CC_IS_CLANG');
  const tools = ['make', clang ? 'clang' : 'gcc', clang ? 'ld.lld' : 'ld'];
  const headers: (keyof typeof LIBRARIES)[] = [];
  if (stages.includes('configure') || stages.includes('build')) tools.push('flex', 'bison');
  if (stages.includes('build')) {
    tools.push('bc', 'perl', ...compressors(on));
    if (on('DEBUG_INFO_BTF')) tools.push('pahole');
    if (on('IKHEADERS')) tools.push('cpio');
    if (on('MODULE_SIG')) tools.push('openssl');
    if (['OBJTOOL', 'STACK_VALIDATION', 'UNWINDER_ORC', 'DEBUG_INFO_BTF'].some(on)) headers.push('gelf.h');
    if (on('MODULE_SIG') || on('SYSTEM_TRUSTED_KEYRING')) headers.push('openssl/opensslv.h');
  }
  if (stages.includes('install')) tools.push('depmod');
  const found: Lack[] = [...new Set(tools)].filter((name) => !isCommand(fs, name)).map(toolLack);
  for (const name of headers) if (!hasHeader(fs, name)) found.push(LIBRARIES[name]);
  if (stages.includes('install') && !INSTALLERS.some((path) => fs.exists(path))) {
    found.push({ name: 'installkernel', gentoo: 'sys-kernel/installkernel', debian: 'debianutils' });
  }
  return found;
}

/** The command that installs what is missing, by the package manager that is here. */
export function installHint(fs: HostFs, missing: readonly Lack[]): string {
  const names = (of: 'gentoo' | 'debian'): string => [...new Set(missing.map((one) => one[of]))].join(' ');
  if (isCommand(fs, 'emerge')) return `as root: emerge --oneshot --noreplace ${names('gentoo')}`;
  if (isCommand(fs, 'apt-get')) return `as root: apt-get install ${names('debian')}`;
  return `install what Gentoo calls ${names('gentoo')}, and Debian ${names('debian')}`;
}

function compressors(on: (name: string) => boolean): string[] {
  return Object.entries(COMPRESSORS).flatMap(([name, tool]) =>
    on(`KERNEL_${name}`) || on(`MODULE_COMPRESS_${name}`) ? [tool] : [],
  );
}

export function isCommand(fs: HostFs, name: string): boolean {
  return FOLDERS.some((folder) => fs.exists(`${folder}/${name}`));
}

/** Debian keeps what differs by architecture in a folder more. */
function hasHeader(fs: HostFs, name: string): boolean {
  const places = ['/usr/include', ...fs.list('/usr/include').map((folder) => `/usr/include/${folder}`)];
  return places.some((folder) => fs.exists(`${folder}/${name}`));
}

function toolLack(name: string): Lack {
  const [gentoo, debian] = packagesOf(name) ?? [name, name];
  return { name, gentoo, debian };
}
