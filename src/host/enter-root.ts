// How a command is run inside another root: by chroot, with /proc and /dev for that long where nobody has mounted them.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { BASE_ENVIRONMENT } from './environment.ts';

/**
 * bash and dkms need /dev/null and /dev/fd. The mounts are in a namespace of their own, which ends with the command:
 * a mounted image is left as it was, and nothing outside is touched.
 */
const MOUNTED = `root=$1
shift
[ -e "$root/proc/self" ] || [ ! -d "$root/proc" ] || mount -t proc proc "$root/proc" || exit 126
[ -c "$root/dev/null" ] || [ ! -d "$root/dev" ] || mount --rbind /dev "$root/dev" || exit 126
exec chroot "$root" "$@"`;

/** A command line that runs a command inside a root. */
export type Enter = (command: string, args: readonly string[]) => readonly [string, string[]];

export function enterRoot(root: string): Enter {
  if (root === '/') return (command, args) => [command, [...args]];
  return (command, args) => {
    if (isFurnished(root) || !mayMount()) return ['chroot', [root, command, ...args]];
    const namespace = ['--mount', '--propagation', 'private'];
    return ['unshare', [...namespace, 'sh', '-c', MOUNTED, 'sh', root, command, ...args]];
  };
}

function isFurnished(root: string): boolean {
  const isDevice = statSync(`${root}/dev/null`, { throwIfNoEntry: false })?.isCharacterDevice() ?? false;
  // /dev/fd leads to /proc/self/fd, which would be followed to the machine's own from outside.
  return isDevice && statSync(`${root}/proc/self`, { throwIfNoEntry: false }) !== undefined;
}

let allowed: boolean | undefined;

/** Containers often refuse it; then all is as good as whoever mounted the root has made it. */
function mayMount(): boolean {
  allowed ??=
    spawnSync('unshare', ['--mount', 'true'], { env: BASE_ENVIRONMENT, stdio: 'ignore' }).status === 0;
  return allowed;
}
