// What the kernel says is mounted where, and whether that is what the settings ask for. Pure.
import type { Config } from '../config/config.ts';
import { mountsIn } from '../host/mountinfo.ts';
import type { MountPoint } from './hugepages.ts';

/** hugetlbfs knows no set-user-ID and set-group-ID bits for its root (fs/hugetlbfs/inode.c). */
const MODE_BITS = 0o1777;
const DEFAULT_MODE = 0o755;

/**
 * What is mounted at a path; of several, the one on top.
 * @param table the text of `/proc/self/mountinfo`, see proc_pid_mountinfo(5)
 */
export function mountAt(table: string, path: string): MountPoint | undefined {
  const found = mountsIn(table).findLast(({ point }) => point === path);
  if (found === undefined) return undefined;
  // The mount itself is read-only for units that are confined, as ttkmd-health is, and for nobody else.
  const ofMount = found.options.filter((one) => one !== 'ro');
  return { type: found.type, options: new Set([...ofMount, ...found.systemOptions]) };
}

/** As mount(8) takes them; upstream's unless the settings say otherwise. */
export function wantedOptions({ mountMode }: Config['hugepages'], group: number): string {
  const owner = group === 0 ? '' : `,gid=${group}`;
  return `pagesize=1G,mode=${octal(mountMode & MODE_BITS)}${owner},nosuid,nodev`;
}

/** In which ways a mount is not what the settings ask for. */
export function differencesOf(
  { type, options }: MountPoint,
  { mountMode }: Config['hugepages'],
  group: number,
): string[] {
  if (type !== 'hugetlbfs') return [`it is ${type} instead of hugetlbfs`];
  const value = (name: string): string | undefined =>
    [...options].find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
  const mode = Number.parseInt(value('mode') ?? DEFAULT_MODE.toString(8), 8);
  const size = value('pagesize');
  const differences = [
    size === undefined || size === '1024M' || size === '1G' ? '' : `pages of ${size} instead of 1 GiB`,
    mode === (mountMode & MODE_BITS) ? '' : `mode ${octal(mode)} instead of ${octal(mountMode & MODE_BITS)}`,
    Number(value('gid') ?? 0) === group ? '' : `group ${value('gid') ?? 0} instead of ${group}`,
    (value('uid') ?? '0') === '0' ? '' : `user ${value('uid')} instead of root`,
    ...['nosuid', 'nodev'].map((name) => (options.has(name) ? '' : `without ${name}`)),
    options.has('ro') ? 'read-only' : '',
  ];
  return differences.filter((text) => text !== '');
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
