// The lock: flock(2) on a file that this process holds open, so that any death of ours frees it.
import { spawn } from 'node:child_process';
import fs, { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { BASE_ENVIRONMENT } from './environment.ts';
import { makeFolders } from './folders.ts';

export interface HeldLock {
  /** The descriptor that the lock sits on. */
  readonly descriptor: number;
  /**
   * Whether it still keeps everybody else out. Where its file was removed, the next one to come makes another and
   * would not see ours: it is made again, or the lock is lost for good to who has done so already.
   */
  stands(): Promise<boolean>;
  /** What `stands` found last. */
  readonly lost: boolean;
  /** Whether somebody waits for it at this moment. */
  isAwaited(): boolean;
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
      const descriptor = await lockFile(path, wait, signal);
      return descriptor === undefined ? undefined : heldLock(path, descriptor);
    },
  };
}

function heldLock(path: string, first: number): HeldLock {
  let descriptor = first;
  let lost = false;
  return {
    get descriptor() {
      return descriptor;
    },
    get lost() {
      return lost;
    },
    async stands() {
      if (lost || isAt(path, descriptor)) return !lost;
      const renewed = await lockFile(path, 0, undefined).catch(() => undefined);
      lost = renewed === undefined;
      if (renewed !== undefined) {
        closeSync(descriptor);
        descriptor = renewed;
      }
      return !lost;
    },
    isAwaited: () => isAwaited(descriptor),
    release: () => closeSync(descriptor),
  };
}

function isAwaited(descriptor: number): boolean {
  try {
    return isWaitedFor(readFileSync('/proc/locks', 'utf8'), fstatSync(descriptor));
  } catch {
    return false;
  }
}

/**
 * The kernel lists each lock, and behind it those who wait for it with an arrow: `1: -> FLOCK  ADVISORY  WRITE 2523
 * fe:00:9979256 0 EOF` (proc_locks(5)). Where nothing is listed of the device that stat(2) gives, the number of the
 * file has to do: btrfs gives stat another device than its locks.
 */
export function isWaitedFor(locks: string, { dev, ino }: { dev: number; ino: number }): boolean {
  const ofNumber = locks.split('\n').filter((line) => line.includes(`:${ino} `));
  const exact = ofNumber.filter((line) => line.includes(` ${deviceName(dev)}:${ino} `));
  return (exact.length > 0 ? exact : ofNumber).some((line) => / -> FLOCK /.test(line));
}

/** The two numbers in st_dev (makedev(3)), as the kernel prints them. */
function deviceName(dev: number): string {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}

/** Opens the file and takes the lock on it; once more where the file was removed while another holder was waited for. */
async function lockFile(
  path: string,
  wait: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const until = performance.now() + wait;
  for (;;) {
    const descriptor = openLockFile(path);
    try {
      const left = Math.max(0, until - performance.now());
      if (!(await flock(descriptor, left, signal))) {
        closeSync(descriptor);
        return undefined;
      }
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    if (isAt(path, descriptor)) return descriptor;
    closeSync(descriptor);
  }
}

function openLockFile(path: string): number {
  makeFolders(fs, dirname(path), 0o755);
  const { O_RDWR, O_RDONLY, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    // One that is there can be locked without writing to it.
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
    return openSync(path, O_RDONLY | O_NOFOLLOW);
  }
}

/** Whether a descriptor's file is the one that others would open. */
function isAt(path: string, descriptor: number): boolean {
  const ours = fstatSync(descriptor);
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.ino === ours.ino && found.dev === ours.dev;
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
