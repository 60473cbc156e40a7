// The guests' disks as they are before the first boot: a base image, with the release of the program and the sample
// driver's source lying ready. Kept until one of these changes.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { command } from '../../system/support/command.ts';
import { FIXTURES, PROJECT } from '../../system/support/project.ts';
import type { BaseImage } from './images.ts';
import type { GuestKernels } from './kernels.ts';
import { FOLDER, IMAGE_SCRIPTS, type Init, ROOTFS } from './places.ts';

export interface MachineImage {
  init: Init;
  kernels: GuestKernels;
  /** Holds `vmlinuz-RELEASE` and `initrd.img-RELEASE`. */
  boot: string;
  /** The disk to copy. */
  disk: string;
  /** Where a guest's disk may be kept for others: that of a machine that has been bootstrapped. */
  keptDisk: string;
}

const DISKS = join(FOLDER, 'disks');
const INDEX = join(FOLDER, 'machines.json');
const MAKE_DISK = join(IMAGE_SCRIPTS, 'make-disk.sh');
const DRIVER = join(FIXTURES, 'sample-driver');

/** The images that the global set-up made. */
export function machineImage(init: Init): MachineImage {
  const found = existsSync(INDEX)
    ? (JSON.parse(readFileSync(INDEX, 'utf8')) as MachineImage[]).find((image) => image.init === init)
    : undefined;
  if (found === undefined)
    throw new Error('the images are missing: run the tests through "sh test/run.sh vm"');
  return found;
}

export async function ensureDisks(bases: readonly BaseImage[], log: (line: string) => void): Promise<void> {
  log('packing the release');
  // Its last line names the archive; the bundler may have printed before.
  const packed = await command(['sh', 'scripts/pack.sh'], { cwd: PROJECT });
  const archive = join(PROJECT, packed.trim().split('\n').at(-1) ?? '');
  await mkdir(DISKS, { recursive: true });
  const images = await Promise.all(bases.map(async (base) => imageOf(base, await keyOf(base, archive))));
  if (images.some(({ disk }) => !existsSync(disk))) {
    await withUnpacked(archive, async (release) => {
      for (const [index, image] of images.entries()) {
        const base = bases[index];
        if (base === undefined || existsSync(image.disk)) continue;
        log(`making the ${image.init} disk`);
        await makeDisk(base, release, image.disk);
      }
    });
  }
  const kept = images.flatMap(({ disk, keptDisk }) => [basename(disk), basename(keptDisk)]);
  for (const name of await readdir(DISKS)) {
    if (!kept.includes(name)) await rm(join(DISKS, name), { recursive: true, force: true });
  }
  await writeFile(INDEX, `${JSON.stringify(images, null, 2)}\n`);
}

function imageOf({ init, kernels, boot }: BaseImage, key: string): MachineImage {
  const disk = join(DISKS, `${init}-${key}.img`);
  return { init, kernels, boot, disk, keptDisk: `${disk}.kept` };
}

async function keyOf(base: BaseImage, archive: string): Promise<string> {
  const hash = createHash('sha256')
    .update(base.root)
    .update(await readFile(archive));
  for (const place of [MAKE_DISK, DRIVER, ...rootfsOf(base.init)]) await hashTree(hash, place);
  return hash.digest('hex').slice(0, 16);
}

function rootfsOf(init: Init): string[] {
  return [join(ROOTFS, 'common'), join(ROOTFS, init)];
}

async function hashTree(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(() => undefined);
  if (entries === undefined) {
    hash.update(await readFile(path));
    return;
  }
  const places = entries.map((entry) => ({ entry, place: join(entry.parentPath, entry.name) }));
  for (const { entry, place } of places.sort((a, b) => (a.place < b.place ? -1 : 1))) {
    hash.update(`${place}\0`);
    if (entry.isSymbolicLink()) hash.update(await readlink(place));
    else if (entry.isFile()) hash.update(await readFile(place));
  }
}

async function withUnpacked(archive: string, work: (release: string) => Promise<void>): Promise<void> {
  const folder = join(FOLDER, 'release');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  try {
    await command(['tar', '-xf', archive, '-C', folder, '--strip-components=1']);
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeDisk(base: BaseImage, release: string, disk: string): Promise<void> {
  const draft = `${disk}.new`;
  await rm(draft, { force: true });
  const places = [base.root, release, DRIVER, draft, ...rootfsOf(base.init)];
  await command(['unshare', '-m', '--propagation', 'private', 'sh', MAKE_DISK, ...places]);
  await rename(draft, disk);
}
