// Long runs whose every process dies with this one, however this one dies.
import { spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { BASE_ENVIRONMENT, type RunOptions, type RunResult } from './exec.ts';

/**
 * Runs a command in a PID namespace of its own, whose first process is killed when this process ends:
 * killing Node alone leaves dkms, make and cc1 running. No mount namespace goes with it, because dkms
 * from 3.4 on takes one for a chroot and then does not sign.
 */
export async function runContained(
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const contained = pidNamespacesWork();
  const guest = ['nice', '-n', String(options.nice), 'ionice', '-c', '3', '-t', file, ...args];
  const wrapped = contained
    ? ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--pid', '--fork', '--kill-child', ...guest]
    : ['setpriv', '--pdeathsig', 'KILL', ...guest];
  const [program = file, ...rest] = wrapped;
  // Where orphans can remain, they hold the lock until they end: nobody else starts a build beside them.
  const kept = contained || options.keepOpen === undefined ? 'ignore' : options.keepOpen;

  const child = execa(program, rest, {
    cwd: '/',
    env: { ...BASE_ENVIRONMENT, ...options.env },
    extendEnv: false,
    stdio: ['ignore', 'pipe', 'pipe', kept as 'ignore'],
    buffer: false,
    reject: false,
    timeout: options.timeLimit,
    killSignal: 'SIGKILL',
    forceKillAfterDelay: false,
    detached: !contained,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', options.onLine);
  }
  const result = await child;
  if (!contained && child.pid !== undefined) killGroup(child.pid);
  return {
    code: result.exitCode,
    signal: result.signal,
    timedOut: result.timedOut,
    // A terminal's interrupt reaches the guests before it reaches us.
    cancelled: result.isCanceled || (options.signal?.aborted ?? false),
  };
}

let namespaces: boolean | undefined;

/** Whether this machine lets us make PID namespaces; containers often do not. */
function pidNamespacesWork(): boolean {
  namespaces ??=
    spawnSync('unshare', ['--pid', '--fork', '--kill-child', 'true'], {
      stdio: 'ignore',
      env: BASE_ENVIRONMENT,
    }).status === 0;
  return namespaces;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty: everything had ended by itself.
  }
}
