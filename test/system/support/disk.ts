// Disks that are full but for some bytes.
import type { Sandbox } from './sandbox.ts';

/** Puts a small file system under a folder, with what was in it, and fills it up but for some bytes. */
export async function fill(sandbox: Sandbox, folder: string, free: number, size = '512k'): Promise<void> {
  await sandbox.run([
    'sh',
    '-c',
    `cp -a ${folder} /tmp/kept && mount -t tmpfs -o size=${size},mode=755 small ${folder} &&
     cp -a /tmp/kept/. ${folder} && rm -rf /tmp/kept`,
  ]);
  await leaveFree(sandbox, folder, free);
}

/** Fills it up anew, with another number of bytes left. */
export async function leaveFree(sandbox: Sandbox, folder: string, free: number): Promise<void> {
  await sandbox.run([
    'sh',
    '-c',
    `rm -f ${folder}/ballast
     if [ ${free} -gt 0 ]; then head -c ${free} /dev/zero >${folder}/room; fi
     cat /dev/zero >${folder}/ballast 2>/dev/null; rm -f ${folder}/room`,
  ]);
}
