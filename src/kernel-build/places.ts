// Where a kernel goes: what is to be mounted there is, it can be written to, and there is room.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { mountAt } from '../hugepages/mount-table.ts';
import { readOption } from '../kernels/configuration.ts';

/** Folders that boot loaders read, and installkernel writes to. */
const BOOT_FOLDERS = ['/boot', '/boot/efi', '/efi'];

/** Packed modules are smaller than that part of what lies in the tree. */
const PACKED = 1 / 8;

/**
 * @throws TtkmdError where a kernel would be put into the folder that another file system belongs over: its boot loader
 * would not see it
 */
export function requireBoot(fs: HostFs): void {
  const mounts = fs.readText('/proc/self/mountinfo') ?? '';
  const away = BOOT_FOLDERS.find((folder) => isExpected(fs, folder) && mountAt(mounts, folder) === undefined);
  if (away !== undefined) {
    throw new TtkmdError(
      'boot-not-mounted',
      `${away} is not mounted, as /etc/fstab has it: the kernel would be installed where no boot loader looks.`,
      `mount it, and run this again: mount ${away}`,
      EXIT.usage,
    );
  }
  if (!fs.onReadOnly('/boot')) return;
  throw new TtkmdError(
    'boot-read-only',
    '/boot is mounted read-only.',
    'mount it writable, and run this again: mount -o remount,rw /boot',
    EXIT.usage,
  );
}

/** An ESP that is not mounted by itself may be a spare one; a /boot is not. */
function isExpected(fs: HostFs, folder: string): boolean {
  return (fs.readText('/etc/fstab') ?? '').split('\n').some((line) => {
    const [, place, , options = ''] = line.trim().split(/\s+/);
    if (line.trim().startsWith('#') || place?.replace(/(?!^)\/$/, '') !== folder) return false;
    return folder === '/boot' || !options.split(',').includes('noauto');
  });
}

/** @throws TtkmdError where what was built surely has no room: it is not begun then */
export async function requireRoom(host: Host, folder: string): Promise<void> {
  const needs: readonly [place: string, bytes: number][] = [
    ['/lib/modules', moduleBytes(host.fs, folder)],
    ['/boot', sizeOf(host.fs, `${folder}/System.map`) + sizeOf(host.fs, `${folder}/arch/x86/boot/bzImage`)],
  ];
  for (const [place, bytes] of needs) {
    const free = await freeBytes(host, place);
    if (free === undefined || free >= bytes) continue;
    throw new TtkmdError(
      'no-room',
      `${place} has ${mebibytes(free, Math.floor)} MiB left, and this kernel takes ${mebibytes(bytes, Math.ceil)} MiB there: nothing was installed.`,
      'remove kernels that nobody boots, then go on: ttkmdctl kernels build --stage install',
      EXIT.stepFailed,
    );
  }
}

/** What the modules in a tree take at the least once they are installed. */
function moduleBytes(fs: HostFs, folder: string): number {
  const config = fs.readText(`${folder}/.config`) ?? '';
  const packed = ['GZIP', 'XZ', 'ZSTD'].some((name) => readOption(config, `MODULE_COMPRESS_${name}`) === 'y');
  const lines = (fs.readText(`${folder}/modules.order`) ?? '').split('\n').filter((line) => line !== '');
  // Later kernels name the object; early ones the module, below a folder more.
  const sizes = lines
    .map((line) => line.replace(/\.o$/, '.ko'))
    .map(
      (file) => sizeOf(fs, `${folder}/${file}`) || sizeOf(fs, `${folder}/${file.replace(/^kernel\//, '')}`),
    );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return Math.round(bytes * (packed ? PACKED : 1));
}

function sizeOf(fs: HostFs, path: string): number {
  return fs.stat(path)?.size ?? 0;
}

/** Undefined where df does not tell. */
async function freeBytes({ exec }: Host, folder: string): Promise<number | undefined> {
  const { code, stdout } = await exec.query('df', ['-Pk', folder]);
  const kibibytes = Number(stdout.trim().split('\n').at(-1)?.split(/\s+/)[3]);
  return code === 0 && Number.isFinite(kibibytes) ? kibibytes * 1024 : undefined;
}

/** To a tenth. */
function mebibytes(bytes: number, round: (value: number) => number): number {
  return round((bytes / 2 ** 20) * 10) / 10;
}
