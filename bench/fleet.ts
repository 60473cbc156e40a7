// A machine with many kernels, each with the driver, made cheaply from one that is real: dkms and ttkmd
// set up the first kernel themselves, and the others are copies under releases of their own.

import { chmod, link, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DkmsPart, KernelPart } from '../test/system/support/parts.ts';
import { Sandbox } from '../test/system/support/sandbox.ts';

export const DRIVER = 'tenstorrent/1.0.0-sample';

/** As dkms names it in its tree: what `uname -m` prints. */
const ARCH = 'x86_64';

const STATE = '/var/lib/ttkmd/state.json';

// A distribution's kernel of today has about as many modules.
const MODULES = 4000;

export class Fleet implements AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly #part: KernelPart;
  readonly #releases: string[] = [];
  #modulesIndex = '';

  private constructor(sandbox: Sandbox, part: KernelPart) {
    this.sandbox = sandbox;
    this.#part = part;
  }

  /** A machine with one kernel, whose driver ttkmd has built through dkms. */
  static async create(dkms: DkmsPart, part: KernelPart): Promise<Fleet> {
    // dkms's hooks play no part in what is measured: nothing runs them.
    const sandbox = await Sandbox.create({ dkms, tree: 'gentoo' });
    const fleet = new Fleet(sandbox, part);
    try {
      await fleet.#addFirst();
    } catch (error) {
      await sandbox.dispose();
      throw error;
    }
    return fleet;
  }

  get releases(): readonly string[] {
    return this.#releases;
  }

  get first(): string {
    return this.#releases[0] ?? releaseOf(this.#part, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
  }

  async #addFirst(): Promise<void> {
    const release = releaseOf(this.#part, 0);
    await this.sandbox.addKernel(this.#part, { release });
    await this.sandbox.addDriver();
    await this.sandbox.installProgram();
    await this.sandbox.run(['/usr/bin/ttkmdctl', 'reconcile', '--all']);
    this.#modulesIndex = modulesIndex(await readFile(join(this.#part.tree, 'Module.symvers'), 'utf8'));
    await this.#addModulesIndex(release);
    this.#releases.push(release);
  }

  /** Adds kernels until there are `count`, and sees that dkms and ttkmd both take all for installed. */
  async growTo(count: number): Promise<void> {
    for (let index = this.#releases.length; index < count; index += 1) {
      const release = releaseOf(this.#part, index);
      await this.#copyKernel(release);
      await this.#copyModule(release);
      await this.#copyState(release);
      this.#releases.push(release);
    }
    await this.#verify();
  }

  async #verify(): Promise<void> {
    // As on any machine that has run it since its kernels came: what was found out about each is written down.
    await this.sandbox.run(['/usr/bin/ttkmdctl', 'reconcile', '--all']);
    const { stdout } = await this.sandbox.run(['dkms', 'status']);
    const installed = stdout.split('\n').filter((line) => /: installed$/.test(line));
    const status = await this.sandbox.ttkmdctl(['status', '--json']);
    const { kernels } = JSON.parse(status.stdout) as {
      kernels: { release: string; module: { state: string } }[];
    };
    const current = kernels.filter(({ module }) => module.state === 'current');
    for (const [who, many, printed] of [
      ['dkms status', installed.length, stdout],
      ['ttkmdctl status', current.length, status.stdout],
    ] as const) {
      if (many !== this.#releases.length) {
        throw new Error(`${who}: ${many} of ${this.#releases.length} kernels have the driver\n${printed}`);
      }
    }
  }

  /** A build tree that a module can be built against, most of it links to the first one's; modules; image. */
  async #copyKernel(release: string): Promise<void> {
    const from = this.sandbox.path(`/usr/src/linux-${this.first}`);
    const to = this.sandbox.path(`/usr/src/linux-${release}`);
    const original = `../linux-${this.first}`;
    const version = release.split('-')[0] ?? release;

    await mkdir(join(to, 'include/config'), { recursive: true });
    await mkdir(join(to, 'include/generated'));
    for (const name of ['Makefile', '.config', 'Module.symvers', 'include/config/auto.conf']) {
      await link(join(from, name), join(to, name));
    }
    await linkRest(from, to, original);
    await linkRest(join(from, 'include'), join(to, 'include'), `../${original}/include`);
    for (const folder of ['include/config', 'include/generated']) {
      await linkRest(join(from, folder), join(to, folder), `../../${original}/${folder}`, [
        'utsrelease.h',
        'kernel.release',
      ]);
    }
    await writeFile(join(to, 'include/config/kernel.release'), `${release}\n`);
    await writeFile(join(to, 'include/generated/utsrelease.h'), `#define UTS_RELEASE "${release}"\n`);
    await rm(join(to, 'dist-kernel'), { force: true });
    await writeFile(join(to, 'dist-kernel'), `sys-kernel/gentoo-kernel-${version}:${version}\n`);

    const modules = this.sandbox.path(`/lib/modules/${this.first}`);
    const folder = join(this.sandbox.path('/lib/modules'), release);
    await mkdir(join(folder, 'kernel/drivers/net'), { recursive: true });
    for (const name of await readdir(modules)) {
      if (name.startsWith('modules.') || name === 'vmlinuz') {
        await writeFile(join(folder, name), await readFile(join(modules, name)));
      }
    }
    for (const name of ['build', 'source'])
      await symlink(`../../../src/linux-${release}`, join(folder, name));
    await this.#addModulesIndex(release);
    await this.sandbox.write(`/boot/vmlinuz-${release}`, await readFile(join(modules, 'vmlinuz')));
  }

  /** The index that depmod would have made for a whole kernel: our module is its last, as `extra` comes last. */
  async #addModulesIndex(release: string): Promise<void> {
    const path = `/lib/modules/${release}/modules.dep`;
    const own = (await this.sandbox.read(path)).split('\n').filter((line) => line.includes('tenstorrent'));
    await this.sandbox.write(path, `${this.#modulesIndex}${own.join('\n')}\n`);
  }

  /** The module with the release in its vermagic put right, where dkms would have installed it. */
  async #copyModule(release: string): Promise<void> {
    const version = `/var/lib/dkms/${DRIVER}`;
    await this.sandbox.run(['cp', '-a', `${version}/${this.first}`, `${version}/${release}`]);
    const built = `${version}/${release}/${ARCH}/module`;
    for (const name of await this.sandbox.list(built)) {
      if (name.includes('.ko')) await this.#renameIn(`${built}/${name}`, release);
    }
    await this.sandbox.link(
      `${basename(DRIVER)}/${release}/${ARCH}`,
      `/var/lib/dkms/tenstorrent/kernel-${release}-${ARCH}`,
    );
    const { stdout } = await this.sandbox.run([
      'find',
      `/lib/modules/${this.first}/`,
      '-name',
      'tenstorrent.ko*',
      '-printf',
      '%P',
    ]);
    const installed = `/lib/modules/${release}/${stdout}`;
    await this.sandbox.run(['install', '-D', '-p', `/lib/modules/${this.first}/${stdout}`, installed]);
    await this.#renameIn(installed, release);
  }

  async #renameIn(path: string, release: string): Promise<void> {
    if (!path.endsWith('.ko')) throw new Error(`${path}: the copies are made of plain .ko files only`);
    const file = this.sandbox.path(path);
    const text = (await readFile(file)).toString('latin1');
    if (!text.includes(this.first)) throw new Error(`${path} does not name ${this.first}`);
    await writeFile(file, Buffer.from(text.replaceAll(this.first, release), 'latin1'));
    await chmod(file, 0o644);
  }

  /** What ttkmd remembers of the first kernel, it remembers of this one too. */
  async #copyState(release: string): Promise<void> {
    const state = JSON.parse(await this.sandbox.read(STATE)) as Record<string, unknown>;
    for (const records of Object.values(state)) {
      if (typeof records !== 'object' || records === null || !(this.first in records)) continue;
      Object.assign(records, { [release]: Reflect.get(records, this.first) });
    }
    await this.sandbox.write(STATE, `${JSON.stringify(state, undefined, 1)}\n`);
  }
}

/** All of one length, so that a module can be given another's release. */
function releaseOf(part: KernelPart, index: number): string {
  const series = part.version.split('.').slice(0, 2).join('.');
  return `${series}.${100 + index}-gentoo-dist`;
}

/** Links for whatever of a folder is not in its copy yet. */
async function linkRest(
  from: string,
  to: string,
  target: string,
  except: readonly string[] = [],
): Promise<void> {
  const there = new Set([...(await readdir(to)), ...except]);
  for (const name of await readdir(from)) {
    if (!there.has(name)) await symlink(`${target}/${name}`, join(to, name));
  }
}

/** A `modules.dep` of a whole kernel: the modules that really export symbols, and as many more as it takes. */
function modulesIndex(symvers: string): string {
  const exporting = new Set<string>();
  for (const line of symvers.split('\n')) {
    const name = line.split('\t')[2];
    if (name?.includes('/')) exporting.add(`kernel/${name}.ko`);
  }
  const paths = [...exporting].sort();
  for (let index = 0; paths.length < MODULES && exporting.size > 0; index += 1) {
    const folder = paths[index % exporting.size]?.split('/').slice(0, -1).join('/');
    paths.push(`${folder}/module-${index}.ko`);
  }
  // Most need none or one other, some need many.
  const needs = [0, 1, 0, 2, 1, 0, 4, 1, 0, 9];
  return paths
    .map((path, index) => {
      const needed = Array.from({ length: needs[index % needs.length] ?? 0 }, (_, one) => {
        return paths[(index * 7 + one * 13) % exporting.size] ?? path;
      });
      return `${[`${path}:`, ...needed].join(' ')}\n`;
    })
    .join('');
}
