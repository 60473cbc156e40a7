// Long commands of the system's that are not to die with us: a package manager is asked to end, and waited for.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { BASE_ENVIRONMENT } from './environment.ts';
import type { RunResult } from './exec.ts';

export interface OpenRunOptions {
  /** Added to the short allow-list that every command gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeLimit: number;
  readonly signal?: AbortSignal;
  /** Each line of output, standard error included, as it comes. */
  readonly onLine: (line: string) => void;
}

/** Milliseconds between asking to end, asking again, and ending it. */
const GRACE = 30_000;

/**
 * Runs a command to its end, in the namespaces that we are in: services that a package starts stay. dpkg and Portage
 * that are killed in the middle leave work for a person; what Ctrl-C sends, they end by in good order.
 */
export function runOpenly(argv: readonly string[], options: OpenRunOptions): Promise<RunResult> {
  const [file = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: { ...BASE_ENVIRONMENT, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A terminal's interrupt is for us to hand on.
      detached: true,
    });
    const end = { timedOut: false, cancelled: false };
    const stop = endsInSteps(child.pid);
    const limit = setTimeout(() => {
      end.timedOut = true;
      stop.start();
    }, options.timeLimit);
    const cancel = (): void => {
      end.cancelled = true;
      stop.start();
    };
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('error', () => {});
      createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', options.onLine);
    }
    const settle = (result: Omit<RunResult, 'timedOut' | 'cancelled'>): void => {
      clearTimeout(limit);
      stop.forget();
      options.signal?.removeEventListener('abort', cancel);
      resolve({ ...result, ...end });
    };
    child.on('error', ({ message }) => {
      options.onLine(message);
      settle({ code: 127, signal: undefined });
    });
    child.on('close', (code, signal) => settle({ code: code ?? undefined, signal: signal ?? undefined }));
  });
}

/** Asks a process group to end, more firmly each time. */
function endsInSteps(pid: number | undefined): { start(): void; forget(): void } {
  const timers: NodeJS.Timeout[] = [];
  const send = (signal: NodeJS.Signals): void => {
    try {
      if (pid !== undefined) process.kill(-pid, signal);
    } catch {
      // It has just ended.
    }
  };
  return {
    start() {
      send('SIGINT');
      timers.push(setTimeout(send, GRACE, 'SIGTERM'), setTimeout(send, 2 * GRACE, 'SIGKILL'));
    },
    forget: () => timers.forEach(clearTimeout),
  };
}
