// A daemon in a sandbox: started as its service would, asked over its sockets, looked at from outside.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { callSocket, type Reply } from '../../../src/host/call-socket.ts';
import { noBuildAlive } from './builds.ts';
import { configure, prepared, SAMPLE, type StatusDocument, settled, until } from './machine.ts';
import { parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';
import { processText } from './sandbox-processes.ts';
import { untilIdle, untilInstalled } from './waiting.ts';

const { kernels, dkms } = parts();

export class Daemon {
  readonly #sandbox: Sandbox;
  readonly #child: ChildProcess;
  #output = '';

  /** Starts it and waits until it watches. */
  static async start(sandbox: Sandbox, env: Record<string, string> = {}): Promise<Daemon> {
    const daemon = new Daemon(sandbox, env);
    await until(
      'the daemon watches',
      () => daemon.output.includes('watching for kernels') || daemon.hasEnded,
    );
    if (daemon.hasEnded) throw new Error(`the daemon has ended:\n${daemon.output}`);
    return daemon;
  }

  private constructor(sandbox: Sandbox, env: Record<string, string>) {
    this.#sandbox = sandbox;
    this.#child = sandbox.spawn(['/usr/bin/ttkmdctl', 'daemon'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  /** What it has logged. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the daemon was not started');
    return pid;
  }

  get(path: string): Promise<Reply> {
    return callSocket(this.#sandbox.path('/run/ttkmd/status.sock'), 'GET', path);
  }

  post(path: string, body = ''): Promise<Reply> {
    return callSocket(this.#sandbox.path('/run/ttkmd/control.sock'), 'POST', path, body);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Asks it to end. @returns its exit status */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.hasEnded) return this.#child.exitCode;
    const ended = once(this.#child, 'exit') as Promise<[number | null]>;
    this.signal(name);
    const [code] = await ended;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  /** How many inotify watches it has. */
  watches(): number {
    return readdirSync(`/proc/${this.pid}/fdinfo`)
      .map((name) => processText(this.pid, `fdinfo/${name}`).match(/^inotify /gm)?.length ?? 0)
      .reduce((a, b) => a + b, 0);
  }

  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Private memory in KiB. */
  memory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(status.match(/^RssAnon:\s+(\d+) kB/m)?.[1]);
  }

  /** How often it was given the processor, by itself or not. */
  switches(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return [...status.matchAll(/ctxt_switches:\s+(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }
}

/** KiB of private memory that a daemon may have. */
const MOST_MEMORY = 30 * 1024;

/** Long enough to be told from a moment, short enough for a test. */
export const HURRIED = '[watch]\nsettle = 1s\n';

export async function machine(): Promise<Sandbox> {
  const sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  await configure(sandbox, HURRIED);
  return sandbox;
}

/** Its kernel has the driver already. */
export async function settledMachine(): Promise<Sandbox> {
  const sandbox = await settled({ dkms: dkms.v32, tree: 'gentoo', kernels: [kernels.v61] });
  await configure(sandbox, HURRIED);
  return sandbox;
}

export function hasDriver(sandbox: Sandbox, release: string, version = SAMPLE): Promise<void> {
  return untilInstalled(sandbox, release, version);
}

export async function told(daemon: Daemon): Promise<StatusDocument> {
  return JSON.parse((await daemon.get('/status')).body) as StatusDocument;
}

/** What a burst of work has taken is given back when there is nothing to do. */
export function small(daemon: Daemon): Promise<void> {
  return until('the daemon is small', () => daemon.memory() < MOST_MEMORY);
}

/** Until the daemon has nothing more to do. */
export async function quiet(sandbox: Sandbox): Promise<void> {
  await untilIdle(sandbox);
  await noBuildAlive(sandbox, 10_000);
}
