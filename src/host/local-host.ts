// The machine that we run on, or a root on it.
import * as nodeFs from 'node:fs';
import { availableParallelism, machine, release } from 'node:os';
import { resolve } from 'node:path';
import { EXIT, TtkmdError } from './errors.ts';
import { createExec } from './exec.ts';
import { createHostFs, type HostFs } from './fs.ts';
import { type Clock, type Host, type Log, silentLog } from './host.ts';
import { createLock } from './lock.ts';

const LOCK_PATH = '/run/ttkmd/lock';

/**
 * The real host.
 * @param rootFolder `/`, or a folder that holds another system
 * @throws TtkmdError where the folder does not exist
 */
export function localHost(rootFolder = '/', log: Log = silentLog): Host {
  const root = resolve(rootFolder);
  if (!nodeFs.statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new TtkmdError(
      'root-missing',
      `There is no folder ${root}.`,
      'Give --root a folder that holds a system.',
      EXIT.usage,
    );
  }
  const fs = createHostFs(nodeFs, root);
  const chrooted = root !== '/' || insideChroot();
  return {
    root,
    fs,
    log,
    clock: systemClock,
    exec: createExec(root),
    lock: createLock(fs.outer(LOCK_PATH)),
    machine: {
      runningRelease: chrooted ? undefined : release(),
      arch: machine(),
      chrooted,
      effectiveUser: process.geteuid?.() ?? 0,
      processors: availableParallelism(),
    },
  };
}

/** A folder of this machine as a file system of its own, whatever root is worked on. */
export function openFolder(folder: string): HostFs {
  return createHostFs(nodeFs, resolve(folder));
}

const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms) => new Promise((done) => setTimeout(done, ms)),
};

/** Another root folder than that of process 1 is a chroot; only root may look, and only root works. */
function insideChroot(): boolean {
  try {
    const ours = nodeFs.statSync('/');
    const first = nodeFs.statSync('/proc/1/root/.');
    return ours.dev !== first.dev || ours.ino !== first.ino;
  } catch {
    return false;
  }
}
