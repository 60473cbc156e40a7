// A private mount namespace in which everything is real (dkms, kernels, kernel-install) and nothing lasts.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command } from './command.ts';
import { ENVIRONMENT, startNamespace } from './namespace.ts';
import { type KernelPart, parts } from './parts.ts';
import { DIST, FIXTURES, NODE } from './project.ts';
import {
  addModulesFolder,
  bringKernel,
  imageOf,
  kernelLayer,
  kernelOf,
  readyLayer,
} from './sandbox-kernels.ts';
import { becomeGentoo, layDkmsHooks, layDriver } from './sandbox-layout.ts';
import type {
  AliveProcess,
  DriverOptions,
  KernelOptions,
  RunOptions,
  RunResult,
  SandboxKernel,
  SandboxOptions,
} from './sandbox-options.ts';
import { isThere, outside } from './sandbox-paths.ts';
import { describe, processesIn } from './sandbox-processes.ts';
import { toEnd } from './to-end.ts';

export { buildsAlive, noBuildAlive } from './builds.ts';
export type * from './sandbox-options.ts';

// The kernel ends what was killed in milliseconds, unless it hangs in a system call.
const DISPOSE_LIMIT_MS = 10_000;

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
    const shape = options.tree ?? 'debian';
    const kernels = options.kernels ?? [];
    const later = shape === 'gentoo' ? Object.values(parts().kernels) : [];
    const { helper, pid } = await startNamespace(options.dkms.root, [
      ...(options.layers ?? []),
      ...(await Promise.all([...kernels.map((part) => kernelLayer(part, shape)), ...later.map(readyLayer)])),
    ]);
    const sandbox = new Sandbox(helper, pid, options);
    try {
      if (options.tree === 'gentoo') await becomeGentoo(sandbox);
      await layDkmsHooks(sandbox, options.dkmsHooks);
      for (const part of kernels) {
        await sandbox.#place(kernelOf(shape, shape === 'debian' ? part.release : part.gentooRelease), true);
      }
    } catch (error) {
      await sandbox.dispose();
      throw error;
    }
    return sandbox;
  }

  // Commands.

  /** Runs a command inside to its end. Throws, with its output, when it fails and may not. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const child = this.spawn(argv, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    return toEnd(child, argv, options);
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
    const kernel = kernelOf(shape, release);
    await bringKernel(this, part, kernel);
    await this.#place(kernel, options.image ?? true);
    return kernel;
  }

  /** What a kernel has besides the files of its build tree, unless a layer has brought it. */
  async #place(kernel: SandboxKernel, image: boolean): Promise<void> {
    const { release, shape, buildTree } = kernel;
    if (shape === 'debian') await this.run(['cp', `${buildTree}/.config`, `/boot/config-${release}`]);
    if (!(await this.exists(`/lib/modules/${release}/modules.dep`))) await addModulesFolder(this, release);
    if (image) await this.write(`/boot/vmlinuz-${release}`, imageOf(release));
    this.#kernels.set(release, kernel);
  }

  kernel(release: string): SandboxKernel {
    const kernel = this.#kernels.get(release);
    if (kernel === undefined) throw new Error(`${release} was not added to this sandbox`);
    return kernel;
  }

  /** A kernel goes with all that it had: modules, build tree, image. No hook runs. */
  async removeKernel(release: string): Promise<void> {
    const { buildTree } = this.kernel(release);
    // Somebody may just be putting a module there.
    const remove = 'for round in 1 2 3 4 5; do rm -rf "$@" && exit; sleep 0.1; done; exit 1';
    await this.run(['sh', '-c', remove, 'sh', `/lib/modules/${release}`, buildTree]);
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
    return layDriver(this, options);
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

  /**
   * Writes what an installed system keeps, and differs from the parts below it, into a new folder, for others to begin
   * with. What was removed is not told: each sandbox has to remove it anew.
   */
  async saveLayer(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    const script = `cd "$1" && find usr etc var/lib var/log ! -type c -print0 | tar --null --no-recursion -T - -cf - | tar -C "$2" -xpf -`;
    await command(['sh', '-c', script, 'sh', `/proc/${this.pid}/fd/9/upper`, folder]);
  }

  // The end.

  /** Everything that runs inside, the sandbox's own helper left out. */
  processes(): AliveProcess[] {
    return processesIn(this.#namespace, this.pid);
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
    return outside(this.pid, path);
  }

  #outsideItself(path: string): string {
    return outside(this.pid, path, false);
  }
}
