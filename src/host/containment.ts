// How this machine lets a long run die with its parent.
import { spawn } from 'node:child_process';
import { BASE_ENVIRONMENT } from './environment.ts';

/**
 * How a run is made to die with us: `pipe` by a reader inside that kills everything when our end of a pipe closes;
 * `signal` at once by the kernel's parent-death signal, too, since Gentoo builds setpriv with USE=caps only; `none`
 * where this machine refuses PID namespaces, as containers often do.
 */
export type Containment = 'signal' | 'pipe' | 'none';

const NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child'];

/** The shell is process 1 of the namespace: when it ends, the kernel ends all that is left there. */
const PIPE_READER = '"$@" 3<&- & child=$!; { read -r _ <&3; kill -KILL -1; } & wait "$child"';

/** A signal alone misses whoever has not asked for it yet when its parent dies. */
const READ_NAMESPACE = [...NAMESPACE, 'sh', '-c', PIPE_READER, 'sh'];

export const WRAPPERS: Readonly<Record<Containment, readonly string[]>> = {
  signal: ['setpriv', '--pdeathsig', 'KILL', ...READ_NAMESPACE],
  pipe: READ_NAMESPACE,
  none: [],
};

/** In the machine's own PID namespace, where the kernel ends the command alone with us, and nothing that it started. */
export const OPEN_WRAPPERS: Readonly<Record<Containment, readonly string[]>> = {
  signal: ['setpriv', '--pdeathsig', 'KILL'],
  pipe: [],
  none: [],
};

let found: Promise<Containment> | undefined;

/** Finds out what this machine allows, once. */
export function findContainment(): Promise<Containment> {
  found ??= (async () => {
    if (await works(['setpriv', '--pdeathsig', 'KILL', ...NAMESPACE])) return 'signal';
    return (await works(NAMESPACE)) ? 'pipe' : 'none';
  })();
  return found;
}

function works([file = '', ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = spawn(file, [...args, 'true'], { stdio: 'ignore', env: BASE_ENVIRONMENT, detached: true });
    probe.on('error', () => resolve(false));
    probe.on('close', (code) => resolve(code === 0));
  });
}
