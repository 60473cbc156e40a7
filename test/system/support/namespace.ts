// The private mount namespace of a sandbox: the process that holds it, and what runs in it.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

const NAMESPACE_SCRIPT = join(import.meta.dirname, 'namespace.sh');

/** @param layers folders laid out like roots, each over the ones behind it, all over dkms's and the machine's own */
export async function startNamespace(
  dkms: string,
  layers: readonly string[],
): Promise<{ helper: ChildProcess; pid: number }> {
  const helper = spawn('unshare', ['-m', '--', 'sh', NAMESPACE_SCRIPT, dkms, ...layers], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: ENVIRONMENT,
    cwd: '/',
  });
  const stderr = collect(helper.stderr);
  const ready = await new Promise<boolean>((resolve) => {
    helper.stdout?.once('data', () => resolve(true));
    helper.once('exit', () => resolve(false));
    helper.once('error', () => resolve(false));
  });
  if (!ready || helper.pid === undefined) {
    throw new Error(`the sandbox's namespace could not be set up: ${(await stderr).trim()}`);
  }
  return { helper, pid: helper.pid };
}

export async function collect(stream: Readable | null): Promise<string> {
  const chunks: Buffer[] = [];
  if (stream !== null) for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
