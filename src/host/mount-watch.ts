// Hears when a file system is unmounted. The kernel tells whoever polls /proc/self/mountinfo, which Node cannot do:
// findmnt can, and sleeps until then.
import { spawn } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { BASE_ENVIRONMENT } from './environment.ts';
import { mountsIn } from './mountinfo.ts';

/**
 * A shell that ends findmnt when our end of its input is closed, however we die. Its output is findmnt's alone, so that
 * the end of that is findmnt's end. Both together hold a third of a MiB.
 */
const GUARD = '"$@" & child=$!; exec >&-; read -r _; kill "$child"';

const FINDMNT = [
  'findmnt',
  '--poll=umount,move',
  '--first-only',
  '--noheadings',
  '--output=ACTION',
  '--mountpoint',
];

/** Milliseconds in which findmnt has surely begun to poll, on a machine that is busy too. */
const BEGUN = 5000;

/**
 * Watches what is mounted at a path, once.
 * @param onEnd is told whether it has gone; false where it could not be watched, or not any longer
 * @param begun milliseconds after which it is looked once whether it had gone before findmnt polled
 * @returns what ends the watch, after which nothing is told
 */
export function watchMount(path: string, onEnd: (hasGone: boolean) => void, begun = BEGUN): () => void {
  const child = spawn('sh', ['-c', GUARD, 'sh', ...FINDMNT, path], {
    cwd: '/',
    env: BASE_ENVIRONMENT,
    stdio: ['pipe', 'pipe', 'ignore'],
    // What a terminal sends is for us to act on.
    detached: true,
  });
  let told = false;
  let output = '';
  const end = (hasGone: boolean): void => {
    if (told) return;
    told = true;
    clearTimeout(look);
    // Node has not made it where descriptors ran out, whatever its types say.
    child.stdin?.destroy();
    onEnd(hasGone);
  };
  child.stdin?.on('error', () => {});
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdout?.on('close', () => end(/^(?:umount|move)/.test(output)));
  child.on('error', () => end(false));
  const look = setTimeout(() => {
    if (!isMounted(path)) end(true);
  }, begun);
  look.unref();
  return () => {
    told = true;
    clearTimeout(look);
    child.stdin?.destroy();
  };
}

function isMounted(given: string): boolean {
  try {
    const path = realpathSync(given);
    return mountsIn(readFileSync('/proc/self/mountinfo', 'utf8')).some(({ point }) => point === path);
  } catch (error) {
    // Any other error says nothing about the mount.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
