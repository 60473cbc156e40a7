// One run of a virtual machine, from power-on to its end: QEMU with the agent's channel on its standard streams.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { Channel } from './channel.ts';
import { Console } from './console.ts';

export interface KernelBoot {
  kernel: string;
  initrd: string;
  /** The kernel's command line. */
  append: string;
}

/** From power-on, as a real machine does. */
export interface FirmwareBoot {
  /** The firmware, and the file that it keeps its variables in. */
  code: string;
  variables: string;
  /** What is on the partition that it boots from. */
  partition: string;
}

export interface QemuSetup {
  /** Holds the disk, and gets the log of the serial console. */
  folder: string;
  disk: string;
  boot: KernelBoot | FirmwareBoot;
  memory: string;
  /** More of QEMU's own arguments. */
  extra: readonly string[];
}

/** What the end of a console shows in an error: a panic with its trace, or the units that are waited for. */
const TAIL_LINES = 60;

/** The descriptor beside the standard ones that the serial console is connected to. */
const SERIAL = 3;

export class Qemu {
  readonly channel: Channel;
  /** The serial console; undefined where no firmware could ask for anything. */
  readonly console: Console | undefined;
  /** QEMU's end: by the guest's power-off or reboot, or because it was killed. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #serial: string;
  #complaints = '';

  constructor(setup: QemuSetup) {
    this.#serial = join(setup.folder, 'serial.log');
    // The kernel ends QEMU with us, whatever ends us.
    const argv = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...argumentsOf(setup, this.#serial)];
    this.#child = spawn('setpriv', argv, { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], detached: true });
    const { stdin, stdout, stderr } = this.#child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('QEMU has no streams');
    this.channel = new Channel(stdout, stdin);
    const serial = this.#child.stdio[SERIAL];
    this.console = 'code' in setup.boot && serial instanceof Duplex ? new Console(serial) : undefined;
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
    });
    this.ended = once(this.#child, 'close').then(
      () => {},
      (error: unknown) => {
        this.#complaints += String(error);
      },
    );
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** As when the plug is pulled: what the guest has not written is lost. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /**
   * The result, unless QEMU ends before or it takes too long.
   * @param what for the error, e.g. `the boot`
   */
  async expect<T>(what: string, result: Promise<T>, timeoutMs: number): Promise<T> {
    const gone = this.ended.then(() => {
      throw this.failure(`${what}: the virtual machine ended`);
    });
    // Whichever loses the race must not count as unhandled.
    gone.catch(() => {});
    return await this.#within(what, Promise.race([result, gone]), timeoutMs);
  }

  /** Waits for its own end, which the guest has been asked for. */
  expectEnd(what: string, timeoutMs: number): Promise<void> {
    return this.#within(what, this.ended, timeoutMs);
  }

  async #within<T>(what: string, result: Promise<T>, timeoutMs: number): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(this.failure(`${what}: no end after ${timeoutMs / 1000} s`)),
        timeoutMs,
      );
    });
    try {
      return await Promise.race([result, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** An error with the end of the console. */
  failure(message: string): Error {
    const tail = this.serialLog().trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    return new Error(`${message}\n${this.#complaints}--- the serial console's last lines\n${tail}`);
  }

  serialLog(): string {
    try {
      return stripVTControlCharacters(readFileSync(this.#serial, 'latin1')).replaceAll('\r', '');
    } catch {
      return '';
    }
  }
}

function argumentsOf({ disk, boot, memory, extra }: QemuSetup, serial: string): string[] {
  const bus = 'code' in boot ? 'pcie.0' : 'pci.0';
  return [
    '-nodefaults',
    '-no-user-config',
    // Never KVM: where it is offered to a virtual machine it may break at any instruction.
    // An old processor has less to emulate, and one is cheaper than two that wait for each other: a build takes
    // 26 s of the host's time instead of 37. 1 GiB pages are what hugepages' tests need of it.
    ...['-accel', 'tcg', '-cpu', 'Nehalem,+pdpe1gb', '-smp', '1', '-m', memory],
    ...['-display', 'none', '-vga', 'none', '-no-reboot'],
    // Flushing to the host's disk would cost time and prove nothing: what counts is what the guest has sent.
    ...['-drive', `file=${named(disk)},if=none,id=disk,format=raw,cache=unsafe`],
    // Named, because a test may have more than one bus.
    ...['-device', `virtio-blk-pci,drive=disk,bus=${bus}`, '-device', `edu,bus=${bus}`],
    ...('code' in boot ? firmwareArguments(boot, serial) : kernelArguments(boot, serial)),
    ...['-chardev', 'stdio,id=agent,signal=off', '-device', `virtio-serial-pci,bus=${bus}`],
    ...['-device', 'virtserialport,chardev=agent,name=ttkmd.test'],
    ...['-device', `virtio-rng-pci,bus=${bus}`],
    ...extra,
  ];
}

function kernelArguments({ kernel, initrd, append }: KernelBoot, serial: string): string[] {
  return ['-kernel', kernel, '-initrd', initrd, '-append', append, '-serial', `file:${named(serial)}`];
}

/** Only in its system management mode may the processor write the variables of Secure Boot. */
function firmwareArguments({ code, variables, partition }: FirmwareBoot, serial: string): string[] {
  return [
    ...['-machine', 'q35,smm=on', '-global', 'driver=cfi.pflash01,property=secure,value=on'],
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${named(code)}`],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${named(variables)}`],
    ...['-blockdev', `driver=vvfat,node-name=partition,read-only=on,dir=${named(partition)}`],
    ...['-device', 'virtio-blk-pci,drive=partition,bus=pcie.0,bootindex=0'],
    ...['-chardev', `socket,id=serial,fd=${SERIAL},logfile=${named(serial)}`, '-serial', 'chardev:serial'],
  ];
}

/** A path in one of QEMU's lists. */
function named(path: string): string {
  return path.replaceAll(',', ',,');
}
