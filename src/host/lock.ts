// The lock: flock(2) on a file that this process holds open, so that any death of ours frees it.
import { spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { BASE_ENVIRONMENT } from './exec.ts';

export interface HeldLock {
  /** The descriptor that the lock sits on. */
  readonly descriptor: number;
  release(): void;
}

export interface Lock {
  /**
   * Takes the lock.
   * @param wait milliseconds to wait for another holder, rounded up to whole seconds; 0 does not wait
   * @returns undefined where it was held for all that time, or the signal ended the wait
   * @throws where the lock file cannot be opened, or flock cannot be run
   */
  acquire(wait: number, signal?: AbortSignal): Promise<HeldLock | undefined>;
}

/** What we have flock exit with when somebody else holds the lock; its own failures are 64 and above. */
const CONFLICT = 9;

/** The lock on a file, which is made where it is missing, for root alone. */
export function createLock(path: string): Lock {
  return {
    async acquire(wait, signal) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      const release = (): void => closeSync(descriptor);
      try {
        if (await flock(descriptor, wait, signal)) return { descriptor, release };
      } catch (error) {
        release();
        throw error;
      }
      release();
      return undefined;
    },
  };
}

function flock(descriptor: number, wait: number, signal: AbortSignal | undefined): Promise<boolean> {
  const patience = wait > 0 ? ['-w', String(Math.ceil(wait / 1000))] : ['-n'];
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-E', String(CONFLICT), ...patience, '3'], {
      cwd: '/',
      env: BASE_ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe', descriptor],
      // A terminal's interrupt is for us to act on.
      detached: true,
    });
    let complaint = '';
    child.stderr?.on('data', (text: Buffer) => {
      complaint += text.toString();
    });
    const stop = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', stop);
      if (code === 0) resolve(true);
      else if (code === CONFLICT || signal?.aborted) resolve(false);
      else reject(new Error(`flock failed: ${complaint.trim() || `exit status ${code}`}`));
    });
  });
}
