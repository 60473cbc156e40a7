// A virtual machine with a disk of its own, which lasts from boot to boot until the test is over.

import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../../system/support/command.ts';
import type { Answer } from './channel.ts';
import { type MachineImage, machineImage } from './disks.ts';
import { bootPartition, type Firmware } from './firmware.ts';
import { GUESTS, type Init } from './places.ts';
import { type FirmwareBoot, type KernelBoot, Qemu } from './qemu.ts';

/** What the machine is made of. */
export interface Hardware {
  /** For QEMU's `-m`; the default is plenty for a build. */
  memory?: string;
  /** More of QEMU's arguments. */
  qemu?: readonly string[];
}

/** The hardware of every boot, unless another is told. */
export interface GuestOptions extends Hardware {
  /** Begin with the disk that a guest of this init system has kept, where there is one. */
  kept?: boolean;
  /** What boots the kernel; QEMU itself unless told. */
  firmware?: Firmware;
}

export interface BootOptions {
  /** Other hardware than before: somebody has put a card in, and memory. */
  hardware?: Hardware;
  /** The kernel release; the one of the last boot, at first the first one, unless told. */
  kernel?: string;
  /** The folder of its image and initrd, where it is none of the image's own kernels. */
  from?: string;
  /** Added to the kernel's command line. */
  append?: string;
  /** `false`: only until commands can be run, while services may still be starting. */
  settled?: boolean;
  timeoutMs?: number;
}

export interface RunOptions {
  /** Written to standard input, which is empty otherwise. */
  input?: string;
  timeoutMs?: number;
  /** Return a result with a non-zero status instead of throwing. */
  allowFailure?: boolean;
}

const INIT_PROGRAM: Record<Init, string> = { systemd: '/sbin/init', openrc: '/sbin/openrc-init' };

// Emulated boots take 12 to 25 s on an idle machine, several times that on a busy one.
const BOOT_LIMIT_MS = 180_000;
const END_LIMIT_MS = 120_000;
const RUN_LIMIT_MS = 240_000;

let guests = 0;

export class Guest implements AsyncDisposable {
  readonly image: MachineImage;
  /** Whether it began with a disk that was kept. */
  readonly isKept: boolean;
  readonly #folder: string;
  readonly #options: GuestOptions;
  #kernel: string;
  #qemu: Qemu | undefined;

  private constructor(image: MachineImage, folder: string, isKept: boolean, options: GuestOptions) {
    this.image = image;
    this.isKept = isKept;
    this.#folder = folder;
    this.#options = options;
    this.#kernel = image.kernels.first;
  }

  /** A machine that is switched off, with a fresh disk. */
  static async create(init: Init, options: GuestOptions = {}): Promise<Guest> {
    const image = machineImage(init);
    guests += 1;
    const folder = join(GUESTS, `${process.pid}-${guests}`);
    await mkdir(folder, { recursive: true });
    const hasKept = options.kept === true && existsSync(image.keptDisk);
    const guest = new Guest(image, folder, hasKept, options);
    await copyDisk(hasKept ? image.keptDisk : image.disk, guest.#disk);
    if (options.firmware !== undefined) await copyFile(options.firmware.variables, guest.#variables);
    return guest;
  }

  /** Keeps the disk of a guest that is off, for others to begin with. */
  async keep(): Promise<void> {
    if (this.on) throw new Error('the guest to keep is still on');
    const draft = `${this.image.keptDisk}.${process.pid}`;
    await copyDisk(this.#disk, draft);
    await rename(draft, this.image.keptDisk);
  }

  get #disk(): string {
    return join(this.#folder, 'disk.img');
  }

  get #variables(): string {
    return join(this.#folder, 'variables.fd');
  }

  // Power.

  get on(): boolean {
    return this.#qemu?.running ?? false;
  }

  /** Switches it on and waits until the boot is over. */
  async boot(options: BootOptions = {}): Promise<void> {
    const qemu = await this.switchOn(options);
    const what = `the boot of ${this.#kernel} with ${this.image.init}`;
    const timeoutMs = options.timeoutMs ?? BOOT_LIMIT_MS;
    const release = await qemu.expect(what, qemu.channel.hello, timeoutMs);
    if (release !== this.#kernel) throw qemu.failure(`${what}: the guest runs ${release}`);
    if (options.settled ?? true) await this.settle(timeoutMs);
  }

  /** Waits for nothing: the firmware may have a question. */
  async switchOn(options: BootOptions = {}): Promise<Qemu> {
    if (this.on) throw new Error('the guest is on already');
    this.#kernel = options.kernel ?? this.#kernel;
    const { memory = '1500M', qemu: extra = [] } = options.hardware ?? this.#options;
    this.#qemu = new Qemu({
      folder: this.#folder,
      disk: this.#disk,
      boot: await this.#bootOf(options),
      memory,
      extra,
    });
    return this.#qemu;
  }

  async #bootOf(options: BootOptions): Promise<KernelBoot | FirmwareBoot> {
    const { init } = this.image;
    const folder = options.from ?? this.image.boot;
    const boot = {
      kernel: join(folder, `vmlinuz-${this.#kernel}`),
      initrd: join(folder, `initrd.img-${this.#kernel}`),
      append: [
        `root=/dev/vda rw init=${INIT_PROGRAM[init]} console=ttyS0 loglevel=4 mitigations=off panic=1`,
        // The emulator keeps what it translated by its address: where each process has its own, it translates the same
        // compiler anew for every call, and a build takes half as long again.
        'norandmaps',
        ...(init === 'systemd' ? ['systemd.show_status=true'] : []),
        ...(options.append === undefined ? [] : [options.append]),
      ].join(' '),
    };
    const { firmware } = this.#options;
    if (firmware === undefined) return boot;
    const partition = join(this.#folder, 'partition');
    await bootPartition(partition, firmware, boot);
    return { code: firmware.code, variables: this.#variables, partition };
  }

  /** Waits until the boot is over, whatever came of it. */
  async settle(timeoutMs = BOOT_LIMIT_MS): Promise<void> {
    await this.run('/usr/local/lib/guest/booted', { timeoutMs });
  }

  /** A clean reboot, into the same kernel unless told. */
  async reboot(options: BootOptions = {}): Promise<void> {
    await this.goDown('reboot');
    await this.boot(options);
  }

  /** A clean end: services are stopped and file systems unmounted. */
  async powerOff(): Promise<void> {
    await this.goDown('poweroff');
  }

  /** The first half of a reboot, or all of a power-off: the virtual machine has ended after it. */
  async goDown(how: 'poweroff' | 'reboot'): Promise<void> {
    const qemu = this.#running();
    // No answer is waited for: the agent ends with the rest.
    void qemu.channel.send(`/usr/local/lib/guest/go-down ${how}`, '');
    await qemu.expectEnd(how, END_LIMIT_MS);
  }

  /** What the guest has not written to its disk by now is lost. */
  async pullThePlug(): Promise<void> {
    await this.#running().kill();
  }

  // Commands and files.

  /** Runs a shell script inside to its end. Throws, with its output, when it fails and may not. */
  async run(script: string, options: RunOptions = {}): Promise<Answer> {
    const qemu = this.#running();
    const { input = '', timeoutMs = RUN_LIMIT_MS, allowFailure = false } = options;
    const answer = await qemu.expect(script, qemu.channel.send(script, input), timeoutMs);
    if (answer.status !== 0 && !allowFailure) {
      throw qemu.failure(`${script}: ended with ${answer.status}\n${answer.stdout}${answer.stderr}`);
    }
    return answer;
  }

  /** Starts a shell script that goes on by itself; its result comes only if the guest lives that long. */
  start(script: string): Promise<Answer> {
    return this.#running().channel.send(script, '');
  }

  async read(path: string): Promise<string> {
    return (await this.run(`cat '${path}'`)).stdout;
  }

  async write(path: string, content: string): Promise<void> {
    await this.run(`mkdir -p "$(dirname '${path}')" && cat >'${path}'`, { input: content });
  }

  /** Everything that the console has shown since the last boot. */
  serialLog(): string {
    return this.#qemu?.serialLog() ?? '';
  }

  // Kernels.

  /** The second kernel's files come into place: modules, headers, image. No hook runs. */
  async addSecondKernel(): Promise<void> {
    const held = `/var/lib/held-kernels/${this.image.kernels.second}`;
    await this.run(
      `cd '${held}' && mv usr/src/* /usr/src && mv boot/* /boot && mv lib/modules/* /lib/modules`,
    );
  }

  /**
   * The hooks of a kernel's installation, called as Debian's linux-image packages do. Its initrd is there
   * already, and making it again takes a minute under emulation.
   */
  runKernelHooks(release: string, folder = '/etc/kernel/postinst.d'): Promise<Answer> {
    const image = `/boot/vmlinuz-${release}`;
    const environment = `INITRD=No DEB_MAINT_PARAMS="'configure' ''"`;
    return this.run(
      `${environment} run-parts --report --exit-on-error --arg='${release}' --arg='${image}' '${folder}'`,
    );
  }

  // The end.

  async dispose(): Promise<void> {
    if (this.#qemu?.running) await this.#qemu.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  #running(): Qemu {
    if (this.#qemu?.running) return this.#qemu;
    throw this.#qemu?.failure('the guest is off') ?? new Error('the guest was never switched on');
  }
}

async function copyDisk(from: string, to: string): Promise<void> {
  await command(['cp', '--reflink=auto', '--sparse=always', from, to]);
}

/** Removes what runs left that were killed. */
export async function removeLeftGuests(): Promise<void> {
  for (const name of await readdir(GUESTS).catch(() => [])) {
    if (!isAlive(Number(name.split('-')[0]))) await rm(join(GUESTS, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
