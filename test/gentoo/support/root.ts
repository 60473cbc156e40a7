// A root of Portage's own in a sandbox: the stand-in for Gentoo's repository, the overlay, and kernels to be merged.

import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { command } from '../../system/support/command.ts';
import { parts } from '../../system/support/parts.ts';
import { PROJECT } from '../../system/support/project.ts';
import { type RunOptions, type RunResult, Sandbox } from '../../system/support/sandbox.ts';
import { portageFolder } from './portage.ts';

/** The two ways that Gentoo's sys-kernel/installkernel goes. */
export type Flavour = 'traditional' | 'systemd';

export const VERSION = (await import('../../../package.json', { with: { type: 'json' } })).default.version;

const KERNEL = 'sys-kernel/sample-kernel';
const KERNEL_FOLDER = `/var/db/repos/gentoo/${KERNEL}`;
const DISTFILES = '/var/cache/distfiles';
const ELOGS = '/var/log/portage/elog';

// A kernel's merge takes a quarter of a minute, on a busy machine several times that.
const EMERGE_TIMEOUT_MS = 240_000;

const ENVIRONMENT = { NOCOLOR: '1', TERM: 'dumb' };

/** Which of the real headers a kernel is made of. */
export type KernelFiles = keyof ReturnType<typeof parts>['kernels'];

export class GentooRoot implements AsyncDisposable {
  readonly sandbox: Sandbox;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  /** dkms 3.2 with its own hooks is there, as Gentoo lays them out, and no kernel. */
  static async create(flavour: Flavour): Promise<GentooRoot> {
    const sandbox = await Sandbox.create({ dkms: parts().dkms.v32, tree: 'gentoo', dkmsHooks: 'gentoo' });
    const root = new GentooRoot(sandbox);
    try {
      const script = join(import.meta.dirname, 'become-gentoo.sh');
      await sandbox.run(['sh', script, await portageFolder(), await realpath(PROJECT)]);
      await root.use('sys-kernel/installkernel', flavour === 'systemd' ? 'systemd' : '-systemd');
      return root;
    } catch (error) {
      await sandbox.dispose();
      throw error;
    }
  }

  /** Throws, with all that it printed, when it fails and may not. */
  emerge(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.sandbox.run(['emerge', ...args], {
      timeoutMs: EMERGE_TIMEOUT_MS,
      ...options,
      env: { ...ENVIRONMENT, ...options.env },
    });
  }

  async use(atom: string, flags: string): Promise<void> {
    await this.sandbox.write(`/etc/portage/package.use/${atom.replaceAll('/', '-')}`, `${atom} ${flags}\n`);
  }

  /** A kernel of that version appears in the repository. @returns its release, once it is merged */
  async offerKernel(version: string, files: KernelFiles): Promise<string> {
    await this.sandbox.link(parts().kernels[files].tree, `/var/lib/sample-kernels/${version}`);
    const template = `${KERNEL_FOLDER}/sample-kernel.ebuild.in`;
    await this.sandbox.run(['cp', template, `${KERNEL_FOLDER}/sample-kernel-${version}.ebuild`]);
    return `${version}-gentoo-dist`;
  }

  /** Puts an archive where Portage looks for it, and its checksum into the Manifest, as `ebuild … manifest` does. */
  async addDistfile(archive: string, atom: string, version: string, name = basename(archive)): Promise<void> {
    await this.sandbox.run(['cp', archive, `${DISTFILES}/${name}`]);
    await this.manifest(atom, version);
  }

  async manifest(atom: string, version: string): Promise<void> {
    const ebuild = `/var/db/repos/tenstorrent/${atom}/${basename(atom)}-${version}.ebuild`;
    await this.sandbox.run(['ebuild', ebuild, 'manifest'], { env: ENVIRONMENT });
  }

  /** Merges app-admin/ttkmd from the overlay and the release archive. */
  async mergeTtkmd(...args: string[]): Promise<RunResult> {
    await this.addDistfile(releaseArchive(), 'app-admin/ttkmd', VERSION);
    return this.emerge([...args, 'app-admin/ttkmd']);
  }

  /** Puts the sample driver in the shape of a release of tt-kmd where Portage looks for that. */
  async offerTtKmd(version: string): Promise<void> {
    const source = await this.sandbox.addDriver({ version });
    // As tt-kmd, it needs a kernel with CONFIG_HWMON.
    const makefile = `${source}/Makefile`;
    await this.sandbox.write(makefile, `hwmon = y\n${await this.sandbox.read(makefile)}`);
    const top = `/tmp/tt-kmd/tt-kmd-ttkmd-${version}`;
    await this.sandbox.run(['mkdir', '-p', '/tmp/tt-kmd']);
    await this.sandbox.run(['mv', source, top]);
    const archive = `/tmp/tt-kmd-${version}.tar.gz`;
    await this.sandbox.run(['tar', '-czf', archive, '-C', '/tmp/tt-kmd', basename(top)]);
    await this.addDistfile(archive, 'sys-kernel/tt-kmd', version);
  }

  /**
   * The system as an installation from outside sees it: the same files below another folder.
   * @returns what a command is to be preceded by to run there
   */
  async layChroot(): Promise<string[]> {
    const folder = '/run/chroot';
    const script = `
      mkdir -p ${folder} && mount -t tmpfs -o mode=0755 chroot ${folder}
      touch ${folder}/.chroot
      for entry in /*; do
        if [ -L "$entry" ]; then cp -P "$entry" "${folder}$entry"
        elif [ -d "$entry" ]; then
          mkdir "${folder}$entry"
          # Not with all that lies in it: the chroot itself does.
          if [ "$entry" = /run ]; then mount --bind /run ${folder}/run
          else mount --rbind "$entry" "${folder}$entry"; fi
        fi
      done`;
    await this.sandbox.run(['sh', '-euc', script]);
    return ['chroot', folder];
  }

  /** What Portage has kept of the messages about a package; empty where there were none. */
  async elog(packageName: string): Promise<string> {
    const prefix = `${packageName.replace('/', ':')}:`;
    const names = (await this.sandbox.list(ELOGS)).filter((name) => name.startsWith(prefix));
    return (await Promise.all(names.map((name) => this.sandbox.read(`${ELOGS}/${name}`)))).join('');
  }

  /** The files that Portage has written down as a package's own. */
  async filesOf(packageVersion: string): Promise<string[]> {
    const contents = await this.sandbox.read(`/var/db/pkg/${packageVersion}/CONTENTS`);
    return [...contents.matchAll(/^(?:obj (.*) \S+ \d+|sym (.*) -> .*)$/gm)]
      .map(([, file, link]) => file ?? link ?? '')
      .sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
  }
}

export function releaseArchive(): string {
  return join(PROJECT, `build/ttkmd-${VERSION}.tar.gz`);
}

/** The release as it was packed. */
export function releaseFolder(): string {
  return join(PROJECT, `build/ttkmd-${VERSION}`);
}

export async function packRelease(): Promise<void> {
  await command(['npm', 'run', '--silent', 'pack'], { cwd: PROJECT });
}
