// Long runs whose every process dies with this one, however this one dies.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { type Containment, findContainment, OPEN_WRAPPERS, WRAPPERS } from './containment.ts';
import { BASE_ENVIRONMENT } from './environment.ts';
import type { RunOptions, RunResult } from './exec.ts';

/**
 * Runs a command in a PID namespace of its own, which ends when this process ends: killing Node alone leaves
 * dkms, make and cc1 running. No mount namespace goes with it, because dkms from 3.4 on takes one for a chroot
 * and then does not sign.
 */
export async function runContained(
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const machine = await findContainment();
  const containment = options.seesProcesses ? 'none' : machine;
  const wrapper = (options.seesProcesses ? OPEN_WRAPPERS : WRAPPERS)[machine];
  const guest = givingWay(options.nice, [file, ...args]);
  const [program = file, ...rest] = [...wrapper, ...guest];
  const child = execa(program, rest, {
    cwd: '/',
    env: { ...BASE_ENVIRONMENT, ...options.env },
    extendEnv: false,
    stdio: ['ignore', 'pipe', 'pipe', fourthDescriptor(containment, options) as 'pipe'],
    buffer: false,
    reject: false,
    timeout: options.timeLimit,
    killSignal: 'SIGKILL',
    forceKillAfterDelay: false,
    // A terminal's interrupt is for us to act on; and execa's own clean-up would end us before we have.
    detached: true,
    cleanup: false,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', options.onLine);
  }
  // What the end of the namespace's own parent has missed in there goes with the pipe.
  const pipe = child.stdio[3];
  if (containment !== 'none') child.nodeChildProcess.once('exit', () => pipe?.destroy());
  const forgetGroup = containment === 'none' ? killGroupInTime(child.nodeChildProcess, options) : () => {};
  const result = await child;
  forgetGroup();
  return {
    code: result.exitCode,
    signal: result.signal,
    timedOut: result.timedOut,
    cancelled: result.isCanceled || (options.signal?.aborted ?? false),
  };
}

/**
 * The scheduler weighs a session as a whole against the others (CONFIG_SCHED_AUTOGROUP, see sched(7)), and this one is
 * in a session of its own: niceness alone would make it give way to nothing but itself.
 */
const NICE_GROUP = '{ echo "$0" >/proc/self/autogroup; } 2>/dev/null; exec nice -n "$0" ionice -c 3 -t "$@"';

function givingWay(nice: number, command: readonly string[]): string[] {
  return ['sh', '-c', NICE_GROUP, String(nice), ...command];
}

/** Where orphans can remain, they hold the lock until they end: nobody else starts a build beside them. */
function fourthDescriptor(containment: Containment, options: RunOptions): 'pipe' | 'ignore' | number {
  if (containment !== 'none') return 'pipe';
  return options.keepOpen !== undefined ? options.keepOpen : 'ignore';
}

type Running = Pick<ChildProcess, 'pid' | 'once' | 'stdout' | 'stderr'>;

/** Milliseconds for the last lines of a command that has ended. */
const OUTPUT_GRACE = 1000;

/**
 * Without a namespace the signals are for the whole group: one process that lives on keeps the output open.
 * @returns what is to be called when the command has ended
 */
function killGroupInTime(child: Running, { signal, timeLimit }: RunOptions): () => void {
  const { pid } = child;
  const kill = (): void => {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // The group is empty: everything had ended by itself.
    }
  };
  const timer = setTimeout(kill, timeLimit);
  signal?.addEventListener('abort', kill);
  // What it left running may hold on to its output, for whose end is waited; what has left the group lives on.
  let output: NodeJS.Timeout | undefined;
  child.once('exit', () => {
    kill();
    output = setTimeout(() => {
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
    }, OUTPUT_GRACE);
  });
  return () => {
    clearTimeout(timer);
    clearTimeout(output);
    signal?.removeEventListener('abort', kill);
    kill();
  };
}
