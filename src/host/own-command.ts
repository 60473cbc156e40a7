// Runs this program again, as a child with a memory of its own that goes when its work is done.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { BASE_ENVIRONMENT } from './environment.ts';
import type { QueryResult } from './exec.ts';

/** Bytes of output that are kept. */
const MOST_OUTPUT = 16 * 1024 * 1024;

/** Milliseconds after which what was asked to end is ended. */
const GRACE = 20_000;

export interface OwnCommand {
  /** undefined where it could not be started. */
  readonly pid: number | undefined;
  readonly ended: Promise<QueryResult>;
  /** Asks it to end what it does in good order. */
  stop(): void;
}

/** Starts `ttkmdctl` with arguments. */
export function startOwnCommand(args: readonly string[]): OwnCommand {
  const [, script = ''] = process.argv;
  const child = spawn(process.execPath, [script, ...args], {
    cwd: '/',
    env: BASE_ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    // Node has not made them where descriptors ran out, whatever its types say.
    child[name]?.setEncoding('utf8');
    child[name]?.on('data', (text: string) => {
      if (output[name].length < MOST_OUTPUT) output[name] += text;
    });
  }
  let kill: NodeJS.Timeout | undefined;
  const ended = new Promise<QueryResult>((resolve) => {
    child.on('error', (error) => resolve({ code: 127, stdout: '', stderr: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 137, ...output }));
  }).finally(() => clearTimeout(kill));
  return {
    pid: child.pid,
    ended,
    stop() {
      child.kill('SIGTERM');
      kill ??= setTimeout(() => {
        child.kill('SIGKILL');
        // What hangs in the kernel does not end for that either, and is not to keep us from ending.
        for (const handle of [child, child.stdout, child.stderr])
          (handle as Partial<Socket> | null)?.unref?.();
      }, GRACE);
    },
  };
}
