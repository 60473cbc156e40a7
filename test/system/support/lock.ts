// One at a time: what two runs of the tests would make twice, or half.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Waits for the lock, works, and lets go; a process that is killed lets go too. */
export async function locked<T>(path: string, seconds: number, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const lock = await open(path, 'w', 0o600);
  try {
    const flock = spawn('flock', ['-w', String(seconds), '3'], {
      stdio: ['ignore', 'inherit', 'inherit', lock.fd],
    });
    const [code] = await once(flock, 'exit');
    if (code !== 0) throw new Error(`another run has held ${path} for ${seconds} s`);
    return await work();
  } finally {
    await lock.close();
  }
}
