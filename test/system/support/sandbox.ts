// A private mount namespace in which everything is real (dkms, kernels, kernel-install) and nothing lasts.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collect, ENVIRONMENT, killGroup, startNamespace } from './namespace.ts';
import type { KernelPart } from './parts.ts';
import { DIST, FIXTURES, NODE } from './project.ts';
import type {
  AliveProcess,
  DriverOptions,
  KernelOptions,
  RunOptions,
  RunResult,
  SandboxKernel,
  SandboxOptions,
} from './sandbox-options.ts';

export { buildsAlive, noBuildAlive } from './builds.ts';
export type {
  AliveProcess,
  DriverOptions,
  KernelOptions,
  RunOptions,
  RunResult,
  SandboxKernel,
  SandboxOptions,
  Shape,
} from './sandbox-options.ts';

// A build of the sample takes 2 s, dkms with it 5 to 10 s, on a busy machine several times that.
const DEFAULT_TIMEOUT_MS = 120_000;

// The kernel ends what was killed in milliseconds, unless it hangs in a system call.
const DISPOSE_LIMIT_MS = 10_000;

const DEFAULT_VERSION = '1.0.0-sample';

// Linux gives up on a chain of links after as many.
const LINK_LIMIT = 40;

export class Sandbox implements AsyncDisposable {
  readonly pid: number;
  readonly #helper: ChildProcess;
  readonly #namespace: string;
  /** Keeps the namespace's number from being given to the next one while we still look for our processes. */
  #hold: number | undefined;
  readonly #options: SandboxOptions;
  readonly #kernels = new Map<string, SandboxKernel>();

  private constructor(helper: ChildProcess, pid: number, options: SandboxOptions) {
    this.pid = pid;
    this.#helper = helper;
    this.#options = options;
    this.#hold = openSync(`/proc/${pid}/ns/mnt`, 'r');
    this.#namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
  }

  static async create(options: SandboxOptions): Promise<Sandbox> {
    const { helper, pid } = await startNamespace(options.dkms.root);
    const sandbox = new Sandbox(helper, pid, options);
    try {
      if (options.tree === 'gentoo') await sandbox.#becomeGentoo();
      await sandbox.#layDkmsHooks();
      for (const part of options.kernels ?? []) await sandbox.addKernel(part);
    } catch (error) {
      await sandbox.dispose();
      throw error;
    }
    return sandbox;
  }

  // Commands.

  /** Runs a command inside to its end. Throws, with its output, when it fails and may not. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const child = this.spawn(argv, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, timeoutMs);
    // A command that reads nothing closes its end; that is no failure of the test.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
    const [stdout, stderr, [code, signal]] = await Promise.all([
      collect(child.stdout),
      collect(child.stderr),
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
    ]);
    clearTimeout(timer);
    const result: RunResult = { code: code ?? -1, signal, stdout, stderr };
    if (timedOut) throw new Error(`${argv.join(' ')}: no end after ${timeoutMs} ms\n${stdout}${stderr}`);
    if (result.code !== 0 && !options.allowFailure) {
      throw new Error(`${argv.join(' ')}: ended with ${signal ?? code}\n${stdout}${stderr}`);
    }
    return result;
  }

  /**
   * Starts a command inside. The child's pid is the command's own, and it leads a process group of its
   * own, so that `process.kill(-child.pid, …)` is what Ctrl-C does at a terminal.
   */
  spawn(
    argv: readonly string[],
    options: SpawnOptions & { cwd?: string; env?: Record<string, string> } = {},
  ): ChildProcess {
    const { cwd = '/', env = {}, ...rest } = options;
    // The poisoned environments of some tests would act on env and nsenter too, so it is env, last and
    // inside, that sets them: a hostile PATH or LD_PRELOAD then meets the command and nothing before it.
    const settings = Object.entries({ ...ENVIRONMENT, ...env }).map(([name, value]) => `${name}=${value}`);
    const inside = ['/usr/bin/env', '-i', ...settings, ...this.#absolute(argv, env)];
    return spawn('nsenter', ['-t', String(this.pid), '-m', `--wd=${this.#outside(cwd)}`, '--', ...inside], {
      detached: true,
      ...rest,
      env: ENVIRONMENT,
    });
  }

  // Files; all paths are as seen inside, and absolute links in them lead to places inside.

  async write(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
    const outside = this.#outside(path);
    await mkdir(dirname(outside), { recursive: true });
    await writeFile(outside, content);
    if (mode !== undefined) await chmod(outside, mode);
  }

  read(path: string): Promise<string> {
    return readFile(this.#outside(path), 'utf8');
  }

  /** Whether there is something; a dangling link is nothing. */
  async exists(path: string): Promise<boolean> {
    return lstat(this.#outside(path)).then(
      () => true,
      () => false,
    );
  }

  /** The names in a folder, sorted; none where there is no folder. */
  async list(path: string): Promise<string[]> {
    return readdir(this.#outside(path)).then(
      (names) => names.sort(),
      () => [],
    );
  }

  /** Removes a file, a link or a whole folder, and is content where there is none. */
  async remove(path: string): Promise<void> {
    await rm(this.#outsideItself(path), { recursive: true, force: true });
  }

  async link(target: string, path: string): Promise<void> {
    const outside = this.#outsideItself(path);
    await mkdir(dirname(outside), { recursive: true });
    await rm(outside, { force: true });
    await symlink(target, outside);
  }

  /** Where a path of the sandbox is to be found from outside, as long as the sandbox lives. */
  path(path: string): string {
    return this.#outside(path);
  }

  // Kernels.

  /** A kernel arrives: its modules folder, its build tree, its image. No hook runs. */
  async addKernel(part: KernelPart, options: KernelOptions = {}): Promise<SandboxKernel> {
    const shape = options.shape ?? this.#options.tree ?? 'debian';
    const release = shape === 'debian' ? part.release : (options.release ?? part.gentooRelease);
    const kernel =
      shape === 'debian'
        ? await this.#addDebianKernel(part, release)
        : await this.#addGentooKernel(part, release);
    await this.#addModulesFolder(release);
    if (options.image ?? true) await this.write(`/boot/vmlinuz-${release}`, imageOf(release));
    this.#kernels.set(release, kernel);
    return kernel;
  }

  kernel(release: string): SandboxKernel {
    const kernel = this.#kernels.get(release);
    if (kernel === undefined) throw new Error(`${release} was not added to this sandbox`);
    return kernel;
  }

  /** A kernel goes with all that it had: modules, build tree, image. No hook runs. */
  async removeKernel(release: string): Promise<void> {
    const { buildTree } = this.kernel(release);
    await this.run(['rm', '-rf', `/lib/modules/${release}`, buildTree]);
    await this.run(['sh', '-c', 'rm -f /boot/*-"$1"', 'sh', release]);
    this.#kernels.delete(release);
  }

  /**
   * What `emerge --depclean` leaves of a kernel: all of /lib/modules/<release> and the image, but no
   * build tree. With a merged /usr the links to it go too, with a split one they stay and dangle.
   */
  async depclean(release: string, usr: 'merged' | 'split'): Promise<void> {
    await this.remove(this.kernel(release).buildTree);
    if (usr === 'split') return;
    for (const link of ['build', 'source']) await this.remove(`/lib/modules/${release}/${link}`);
  }

  // The driver and the program.

  /** Puts the sample driver's source into /usr/src, and registers it with nobody. */
  async addDriver(options: DriverOptions = {}): Promise<string> {
    const version = options.version ?? DEFAULT_VERSION;
    const folder = `/usr/src/tenstorrent-${version}`;
    await this.run(['rm', '-rf', folder]);
    // cp writes as root with root's umask: nobody else may own or write what root will build.
    await this.run(['cp', '-r', '--preserve=mode', join(FIXTURES, 'sample-driver'), folder]);
    await this.run(['chmod', '-R', 'go-w', folder]);
    const conf = (await this.read(`${folder}/dkms.conf`))
      .replace(/^PACKAGE_VERSION=.*$/m, `PACKAGE_VERSION="${version}"`)
      .replace(/^AUTOINSTALL=.*\n/m, (line) => (options.autoinstall === false ? '' : line));
    await this.write(`${folder}/dkms.conf`, conf);
    const switches = [
      ...(options.broken === 'compile' ? ['broken = y'] : []),
      ...(options.broken === 'hwmon' ? ['hwmon = y'] : []),
      ...(options.slowSeconds === undefined ? [] : [`slow = ${options.slowSeconds}`]),
    ];
    if (switches.length > 0) await this.write(`${folder}/switches.mk`, `${switches.join('\n')}\n`);
    return folder;
  }

  /** Puts the built program where it lives on a host. */
  async installProgram(): Promise<void> {
    await this.run([NODE, join(DIST, 'main.js'), 'deploy']);
  }

  /** The installed command, as a person or a hook calls it. Does not throw for its exit status. */
  ttkmdctl(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.run(['/usr/bin/ttkmdctl', ...args], { allowFailure: true, ...options });
  }

  // How a kernel installation calls the hooks.

  /** systemd's own kernel-install, with all plugins, and a layout that writes nothing to /boot. */
  async kernelInstall(
    action: 'add' | 'remove',
    release: string,
    image = `/boot/vmlinuz-${release}`,
    options: RunOptions = {},
  ): Promise<RunResult> {
    const configuration = '/tmp/kernel-install';
    await this.write(`${configuration}/install.conf`, 'layout=other\n');
    return this.run(['kernel-install', action, release, ...(action === 'add' ? [image] : [])], {
      ...options,
      env: { KERNEL_INSTALL_CONF_ROOT: configuration, ...options.env },
    });
  }

  /** Debian's own run-parts on a folder, called as a linux-image package's maintainer scripts do. */
  async runParts(
    folder: string,
    release: string,
    image = `/boot/vmlinuz-${release}`,
    options: RunOptions = {},
  ): Promise<RunResult> {
    return this.run(
      ['run-parts', '--report', '--exit-on-error', `--arg=${release}`, `--arg=${image}`, folder],
      {
        ...options,
        env: { DEB_MAINT_PARAMS: `'configure' ''`, ...options.env },
      },
    );
  }

  /** Gentoo's traditional installkernel, by its rules: preinst.d, the image to /boot, postinst.d. */
  async gentooInstallkernel(
    release: string,
    image = this.kernel(release).image,
    options: RunOptions = {},
  ): Promise<RunResult> {
    return this.run(['sh', join(FIXTURES, 'gentoo/installkernel'), release, image], options);
  }

  // The end.

  /** Everything that runs inside, the sandbox's own helper left out. */
  processes(): AliveProcess[] {
    const alive: AliveProcess[] = [];
    for (const entry of readdirSync('/proc')) {
      const pid = Number(entry);
      if (!Number.isInteger(pid) || pid === this.pid || this.#isLeash(pid)) continue;
      try {
        if (readlinkSync(`/proc/${pid}/ns/mnt`) !== this.#namespace) continue;
        const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        alive.push({ pid, name, command });
      } catch {
        // It ended while we looked, or is a zombie, which has no namespace any more.
      }
    }
    return alive;
  }

  /** Kills everything inside; the mounts go with the namespace. */
  async dispose(): Promise<void> {
    if (this.#helper.exitCode === null && this.#helper.signalCode === null) {
      this.#helper.stdin?.end();
      await once(this.#helper, 'exit');
    }
    // A killed process takes a moment to end, and its mounts go only then.
    const deadline = Date.now() + DISPOSE_LIMIT_MS;
    while (this.processes().length > 0) {
      if (Date.now() > deadline) throw new Error(`the sandbox does not end: ${describe(this.processes())}`);
      await sleep(5);
    }
    if (this.#hold !== undefined) closeSync(this.#hold);
    this.#hold = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  // The `cat` at which the helper waits.
  #isLeash(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(this.pid);
    } catch {
      return false;
    }
  }

  async #becomeGentoo(): Promise<void> {
    // dkms chooses the module's folder by this file.
    await this.run(['rm', '-f', '/etc/os-release', '/etc/debian_version']);
    for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
      await this.write(file, 'NAME=Gentoo\nID=gentoo\nPRETTY_NAME="Gentoo Linux"\n');
    }
    await this.write('/etc/gentoo-release', 'Gentoo Base System release 2.18\n');
  }

  async #layDkmsHooks(): Promise<void> {
    const layout = this.#options.dkmsHooks ?? 'own';
    if (layout === 'own') return;
    await this.run([
      'sh',
      '-c',
      'rm -f /etc/kernel/*.d/dkms /usr/lib/kernel/*.d/dkms /usr/lib/kernel/install.d/40-dkms.install',
    ]);
    if (layout === 'none') return;
    await this.run(['mkdir', '-p', '/usr/lib/kernel']);
    await this.run(['cp', '-rT', join(FIXTURES, 'gentoo/dkms-hooks'), '/usr/lib/kernel']);
    await this.run([
      'sh',
      '-c',
      'chmod 755 /usr/lib/kernel/*.d/dkms /usr/lib/kernel/install.d/40-dkms.install',
    ]);
  }

  async #addDebianKernel(part: KernelPart, release: string): Promise<SandboxKernel> {
    await this.run(['cp', '-aT', join(part.root, 'usr'), '/usr']);
    const buildTree = `/usr/src/linux-headers-${release}`;
    await this.run(['cp', `${buildTree}/.config`, `/boot/config-${release}`]);
    // Debian's package has its image nowhere but in /boot, where it lies before any hook runs.
    return { release, shape: 'debian', buildTree, image: `/boot/vmlinuz-${release}` };
  }

  async #addGentooKernel(part: KernelPart, release: string): Promise<SandboxKernel> {
    const buildTree = `/usr/src/linux-${release}`;
    await this.run(['cp', '-aT', part.tree, buildTree]);
    const version = part.version;
    await this.write(`${buildTree}/dist-kernel`, `sys-kernel/gentoo-kernel-${version}:${version}\n`);
    await this.write(`${buildTree}/include/config/kernel.release`, `${release}\n`);
    await this.write(`${buildTree}/include/generated/utsrelease.h`, `#define UTS_RELEASE "${release}"\n`);
    // The image lies in the modules folder, where depclean leaves it; the build tree links to it.
    const image = `/lib/modules/${release}/vmlinuz`;
    await this.write(image, imageOf(release));
    await this.link(`../../../../../../lib/modules/${release}/vmlinuz`, `${buildTree}/arch/x86/boot/bzImage`);
    for (const link of ['build', 'source']) {
      await this.link(`../../../src/linux-${release}`, `/lib/modules/${release}/${link}`);
    }
    return { release, shape: 'gentoo', buildTree, image };
  }

  /** What an image package would have brought besides the link to the build tree. */
  async #addModulesFolder(release: string): Promise<void> {
    const folder = `/lib/modules/${release}`;
    await this.run(['mkdir', '-p', `${folder}/kernel/drivers/net`]);
    await this.write(`${folder}/modules.order`, '');
    await this.write(`${folder}/modules.builtin`, 'kernel/fs/ext4/ext4.ko\nkernel/drivers/pci/pci.ko\n');
    await this.write(`${folder}/modules.builtin.modinfo`, 'ext4.license=GPL\0');
    await this.run(['depmod', release]);
  }

  /** The program by its path inside, unless the test's own PATH is to be searched. */
  #absolute(argv: readonly string[], env: Record<string, string>): readonly string[] {
    const [program = '', ...rest] = argv;
    if (program.includes('/') || env.PATH === undefined) return argv;
    for (const folder of ENVIRONMENT.PATH.split(':')) {
      const path = posix.join(folder, program);
      if (isThere(this.#outside(path))) return [path, ...rest];
    }
    return argv;
  }

  #outside(path: string): string {
    return this.#resolve(path, true);
  }

  #outsideItself(path: string): string {
    return this.#resolve(path, false);
  }

  /**
   * The kernel would take an absolute link under /proc/PID/root to the machine's own root, so links
   * are followed here, one by one.
   */
  #resolve(path: string, followLast: boolean): string {
    const root = `/proc/${this.pid}/root`;
    const pending = path.split('/').filter((name) => name !== '');
    let at = '/';
    let links = 0;
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      const next = posix.join(at, name);
      if (pending.length > 0 || followLast) {
        const target = linkTarget(root + next);
        if (target !== undefined) {
          links += 1;
          if (links > LINK_LIMIT) throw new Error(`${path}: too many links`);
          pending.unshift(...target.split('/').filter((part) => part !== ''));
          if (target.startsWith('/')) at = '/';
          continue;
        }
      }
      at = next;
    }
    return root + at;
  }
}

function describe(processes: readonly AliveProcess[]): string {
  return processes.map((one) => `${one.pid} ${one.command || one.name}`).join('; ');
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Nothing boots it; hooks that look at the file find the boot protocol's magic at its offset. */
function imageOf(release: string): Uint8Array {
  const image = Buffer.alloc(4096);
  image.write('HdrS', 0x202);
  image.write(`${release} (ttkmd's sandbox)`, 0x300);
  return image;
}
