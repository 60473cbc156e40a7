// Runs tar for archives of build trees, and tells what kept it from its work.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { RunResult } from '../host/exec.ts';
import type { Host } from '../host/host.ts';

/** How tar is to run. */
export interface TarSettings {
  readonly signal: AbortSignal;
  /** The lock's descriptor. */
  readonly keepOpen: number;
}

/** Minutes for tar: xz takes its time on a slow machine that has something else to do. */
const LIMIT = 15;

const NO_ROOM = /No space left|Disk quota/;

/** What zstd 1.5, xz 5.4 and tar 1.34 say of an archive that is cut off, changed, or none. */
const DAMAGED =
  /premature end|Decoding error|unsupported format|unexpected end of file|Unexpected end of input|data is corrupt|format not recognized|does not look like a tar archive/;

/** Without its program, or memory for it, tar complains of the archive too. */
const NOT_DONE = /Cannot exec|died with signal|not enough memory|Allocation error|Cannot allocate/;

/**
 * Makes or unpacks an archive.
 * @throws TtkmdError `no-space`; `tar-damaged` where the archive itself is to blame; else `tar-failed`
 */
export async function tar(host: Host, args: readonly string[], settings: TarSettings): Promise<void> {
  const output: string[] = [];
  const run = await host.exec.run('tar', args, {
    ...settings,
    env: {},
    timeLimit: LIMIT * 60_000,
    nice: 19,
    onLine: (line) => output.push(line),
  });
  if (run.code === 0) return;
  const full = output.find((line) => NO_ROOM.test(line));
  const isDamaged =
    run.code !== undefined &&
    output.some((line) => DAMAGED.test(line)) &&
    !output.some((line) => NOT_DONE.test(line));
  throw new TtkmdError(
    full !== undefined ? 'no-space' : isDamaged ? 'tar-damaged' : 'tar-failed',
    `${howItEnded(run, full ?? output[0])}.`,
    full === undefined
      ? 'try again, as root: ttkmdctl reconcile'
      : 'make room for /var/lib/ttkmd, or set archive = no below [kernels] in /etc/ttkmd/ttkmd.conf',
    EXIT.stepFailed,
  );
}

function howItEnded({ timedOut, cancelled, code, signal }: RunResult, said = 'without a word'): string {
  if (timedOut) return `tar took longer than ${LIMIT} min`;
  return cancelled ? 'tar was stopped' : `tar ended with ${code ?? signal}: ${said.trim()}`;
}
