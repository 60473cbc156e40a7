// Who holds a Tenstorrent device: the processes with a descriptor of a device node, or with a mapping of one.
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { type Belonging, belonging, belongingText } from './belonging.ts';
import { PACKAGE } from './sources.ts';

/** A process that holds a device. */
export interface Holder {
  readonly pid: number;
  /** The command's name, as `ps -o comm` prints it. */
  readonly name: string;
  /** The user that it runs as, by name where /etc/passwd has one, else by number. */
  readonly user: string;
  /** The device nodes by this machine's names, sorted: `/dev/tenstorrent/0`; in a container it may have another. */
  readonly nodes: readonly string[];
  /** The container, unit, login or service that it runs in; undefined where it is in none. */
  readonly belongs: Belonging | undefined;
}

export interface Holders {
  /** By pid. Nobody, where no module is loaded or the kernel counts no user of it. */
  readonly holders: readonly Holder[];
  /** False where there may be more: other users' processes are root's to see, and a container sees its own alone. */
  readonly complete: boolean;
}

/** PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: the namespace in which all processes are seen. */
const ALL_PROCESSES = 'pid:[4026531836]';

/** The node in a path as a process sees it, which may end in ` (deleted)`. */
const NODE = /(?:^|\/)tenstorrent\/(\d+)(?: \(deleted\))?$/;

/** Where a node may be that a container has under a name of its own. Nothing else is looked at: a share may hang. */
const DEVICE = /(?:^|\/)dev\//;

/**
 * The processes that hold a device. It says who; whether the module may be unloaded is for the kernel's count of
 * users to say, `observeLoaded().users`. Reads nothing of any process where that is none; else it looks at the
 * descriptors of each process. Mappings are read only where those do not account for all users: to read them takes a
 * lock of the process, and one that hangs with it would have us hang too. A process that ends meanwhile is not named.
 */
export function observeHolders({ fs, machine }: Pick<Host, 'fs' | 'machine'>): Holders {
  const module = `/sys/module/${PACKAGE}`;
  // A kernel that cannot unload modules counts no users.
  const users = fs.readText(`${module}/refcnt`)?.trim();
  if (!fs.exists(module) || users === '0') return NOBODY;
  const isRoot = machine.effectiveUser === 0;
  const nodes = nodesByNumber(fs);
  const names = userNames(fs);
  let complete = isRoot && (fs.readLink('/proc/self/ns/pid') ?? ALL_PROCESSES) === ALL_PROCESSES;
  const found = new Map<number, Holder>();
  const unexplained: number[] = [];
  let counted = 0;
  const add = (pid: number, held: readonly string[]): void => {
    const holder = held.length === 0 ? undefined : describe(fs, pid, held, names);
    if (holder !== undefined) found.set(pid, holder);
  };
  for (const pid of fs.list('/proc').filter((name) => /^\d+$/.test(name))) {
    const folder = `/proc/${pid}`;
    // What may not be read is not tried, so that it does not count as something of the machine that was hidden.
    const isOthers = !isRoot && fs.stat(folder)?.user !== machine.effectiveUser;
    const held = isOthers ? undefined : heldByDescriptor(fs, folder, nodes);
    complete &&= held !== undefined;
    if (held?.length === 0) unexplained.push(Number(pid));
    counted += held?.length ?? 0;
    add(Number(pid), [...new Set(held)].sort());
  }
  // Descriptors that are shared count once for the kernel, so this may be content too early; it says who, not whether.
  if (users === undefined || counted < Number(users)) {
    for (const pid of unexplained) {
      const held = heldByMapping(fs, `/proc/${pid}`, nodes, isRoot);
      complete &&= held !== undefined;
      add(pid, [...new Set(held)].sort());
    }
  }
  return { holders: [...found.values()].sort((a, b) => a.pid - b.pid), complete };
}

const NOBODY: Holders = { holders: [], complete: true };

/** Nobody has looked. */
export const UNSEEN: Holders = { holders: [], complete: false };

/** `python3 (pid 4711, alice, docker container 0123456789ab)`. */
export function holderText({ pid, name, user, belongs }: Holder): string {
  return `${name} (${[`pid ${pid}`, user, ...(belongs === undefined ? [] : [belongingText(belongs)])].join(', ')})`;
}

/** A device's node by its number `major:minor`: the name in a container may be that of another device here. */
function nodesByNumber(fs: HostFs): ReadonlyMap<string, string> {
  const folder = '/sys/class/tenstorrent';
  return new Map(
    fs.list(folder).flatMap((name) => {
      const number = fs.readText(`${folder}/${name}/dev`)?.trim();
      return number === undefined ? [] : [[number, `/dev/${name.replace('!', '/')}`] as const];
    }),
  );
}

/** The device that a link of a process leads to, by its name here: the number tells, whatever its name is there. */
function nodeBehind(
  fs: HostFs,
  link: string,
  way: string,
  nodes: ReadonlyMap<string, string>,
): string | undefined {
  const number = NODE.exec(link)?.[1];
  if (number === undefined && !DEVICE.test(link)) return undefined;
  const file = fs.stat(way);
  // What is there and is no device is somebody's file of that name; of what was removed nothing can be told.
  if (file !== undefined && file.special === undefined) return undefined;
  const node = nodes.get(file?.special ?? '');
  return node ?? (number === undefined ? undefined : `/dev/tenstorrent/${number}`);
}

/**
 * A node for each descriptor of one. Undefined where this user may not look; so it may be with root, in a container or
 * under a security module. One path is enough to know that.
 */
function heldByDescriptor(
  fs: HostFs,
  folder: string,
  nodes: ReadonlyMap<string, string>,
): string[] | undefined {
  const descriptors = fs.list(`${folder}/fd`);
  if (fs.denied.has(`${folder}/fd`)) return undefined;
  const held: string[] = [];
  for (const descriptor of descriptors) {
    const way = `${folder}/fd/${descriptor}`;
    const link = fs.readLink(way);
    if (link === undefined && fs.denied.has(way)) return undefined;
    held.push(...[nodeBehind(fs, link ?? '', way, nodes)].filter((node) => node !== undefined));
  }
  return held;
}

/**
 * A mapping keeps the device open after its descriptor is closed. Where it leads is root's to see: to others, those
 * with the usual name.
 */
function heldByMapping(
  fs: HostFs,
  folder: string,
  nodes: ReadonlyMap<string, string>,
  isRoot: boolean,
): string[] | undefined {
  const maps = fs.readText(`${folder}/maps`);
  if (maps === undefined && fs.denied.has(`${folder}/maps`)) return undefined;
  return mappingsOf(maps ?? '')
    .filter(({ path }) => NODE.test(path) || (isRoot && DEVICE.test(path)))
    .map(({ range, path }) => nodeBehind(fs, path, `${folder}/map_files/${range}`, nodes))
    .filter((node) => node !== undefined);
}

/** The lines of /proc/<pid>/maps that may be of a device (proc_pid_maps(5)). */
function mappingsOf(maps: string): { range: string; path: string }[] {
  if (!/tenstorrent\/|dev\//.test(maps)) return [];
  return maps.split('\n').flatMap((line) => {
    const [, range, path] = /^(\S+) \S+ \S+ \S+ \d+ +(\/.*)$/.exec(line) ?? [];
    return range === undefined || path === undefined ? [] : [{ range, path }];
  });
}

function describe(
  fs: HostFs,
  pid: number,
  nodes: readonly string[],
  users: (id: string) => string,
): Holder | undefined {
  const name = fs.readText(`/proc/${pid}/comm`)?.trim();
  const user = /^Uid:\s+\d+\s+(\d+)/m.exec(fs.readText(`/proc/${pid}/status`) ?? '')?.[1];
  if (name === undefined || user === undefined) return undefined;
  return {
    pid,
    name,
    user: users(user),
    nodes,
    belongs: belonging(fs.readText(`/proc/${pid}/cgroup`) ?? ''),
  };
}

/** By the file alone: a name service may be slow, or need the network. */
function userNames(fs: HostFs): (id: string) => string {
  let names: Map<string, string> | undefined;
  return (id) => {
    names ??= new Map(
      (fs.readText('/etc/passwd') ?? '')
        .split('\n')
        .map((line) => line.split(':'))
        .map(([name = '', , number = '']) => [number, name] as const)
        .reverse(),
    );
    return names.get(id) || id;
  };
}
