// The one way to run a command: short queries, and long runs that die with us.
import { spawn } from 'node:child_process';
import { findContainment } from './containment.ts';
import { enterRoot } from './enter-root.ts';
import { BASE_ENVIRONMENT } from './environment.ts';

export interface QueryResult {
  /** The exit status; 127 where the command does not exist, 128 and more where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface QueryOptions {
  /** Milliseconds until it is killed; 30 s unless told. */
  readonly timeLimit?: number;
  readonly input?: string;
  /** Added to the short allow-list that every command gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** A descriptor that it keeps open until it has ended, though we be killed: as its number 3. */
  readonly keepOpen?: number;
}

export interface RunOptions {
  /** Added to the short allow-list that every command gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds until everything that it started is killed. */
  readonly timeLimit: number;
  /** Ends the run and everything that it started. */
  readonly signal?: AbortSignal;
  /** CPU priority from 0 to 19. */
  readonly nice: number;
  /** Each line of output, standard error included, as it comes. */
  readonly onLine: (line: string) => void;
  /**
   * It is to reach the machine's other processes: it gets no PID namespace of its own, and its process group is killed
   * with its end.
   */
  readonly seesProcesses?: boolean;
  /** A descriptor that every process of the run keeps open where they cannot be made to die with us. */
  readonly keepOpen?: number;
}

export interface RunResult {
  /** The exit status; undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
}

export interface Exec {
  /** Runs a short command inside the root and waits for it. Never throws for what the command does. */
  query(command: string, args: readonly string[], options?: QueryOptions): Promise<QueryResult>;
  /** A long run will follow: what it needs is loaded and found out meanwhile. */
  prepare(): void;
  /** Runs a long command inside the root; nothing of it outlives this process. */
  run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult>;
}

const QUERY_TIME_LIMIT = 30_000;
/** Milliseconds from the signal that kills a query to not waiting for its end any more. */
const KILL_GRACE = 2000;
const MOST_OUTPUT = 64 * 1024 * 1024;

/**
 * Commands for a root.
 * @param root `/` or a folder, which commands are then run in by chroot
 */
export function createExec(root: string): Exec {
  const inside = enterRoot(root);

  return {
    query(command, args, options = {}) {
      const [file, argv] = inside(command, args);
      return query(file, argv, options).catch(notStarted);
    },
    prepare() {
      void findContainment();
      void import('./contained-run.ts');
    },
    async run(command, args, options) {
      const { runContained } = await import('./contained-run.ts');
      const [file, argv] = inside(command, args);
      return runContained(file, argv, options);
    },
  };
}

/** Node throws some of what keeps a command from being started, and tells of the rest. */
function notStarted({ message }: Error): QueryResult {
  return { code: 127, stdout: '', stderr: message };
}

function query(file: string, args: readonly string[], options: QueryOptions): Promise<QueryResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: '/',
      env: { ...BASE_ENVIRONMENT, ...options.env },
      stdio: [
        options.input === undefined ? 'ignore' : 'pipe',
        'pipe',
        'pipe',
        ...(options.keepOpen === undefined ? [] : [options.keepOpen]),
      ],
      // A terminal's interrupt would make an answer of it that is none.
      detached: true,
    });
    // Not spawn's own limit: its timer runs on after a command that does not exist, and Node waits for it.
    let timer = setTimeout(() => {
      child.kill('SIGKILL');
      timer = setTimeout(abandon, KILL_GRACE);
    }, options.timeLimit ?? QUERY_TIME_LIMIT);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8');
      child[name]?.on('data', (text: string) => {
        if (output[name].length < MOST_OUTPUT) output[name] += text;
      });
    }
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
    const end = (result: QueryResult): void => {
      clearTimeout(timer);
      resolve(result);
    };
    /** What hangs in the kernel dies of no signal, and what it started may keep its output open. */
    function abandon(): void {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      child.unref();
      end({ code: 137, ...output });
    }
    child.on('error', (error) => end(notStarted(error)));
    child.on('close', (code, signal) => end({ code: code ?? (signal ? 137 : 128), ...output }));
  });
}
