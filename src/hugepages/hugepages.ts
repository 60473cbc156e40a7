// What is known of the pages of 1 GiB: who has how many, who wants how many, and where they are mounted.

/** Bytes of one page. */
export const PAGE = 1024 ** 3;

/** One NUMA node, or the whole machine where it has no NUMA folders. */
export interface HugepageNode {
  /** Undefined for the whole machine. */
  readonly node: number | undefined;
  /** The folder with its counters; undefined where this kernel has no pages of 1 GiB. */
  readonly folder: string | undefined;
  /** Pages that the kernel keeps there, used or not. */
  readonly allocated: number;
  /** Of them, those that nobody uses. */
  readonly free: number;
  /** Bytes of memory that it has; 0 for a node without any. */
  readonly memory: number;
  /** Bytes that pages could be made of: free, or held by caches only. */
  readonly available: number;
}

/** Why this kernel has no pages of 1 GiB. */
export interface Lack {
  readonly text: string;
  readonly hint: string;
}

/** Upstream's file with a total for all devices. */
export interface Override {
  /** Undefined where it holds no number. */
  readonly pages: number | undefined;
  /** What it holds instead. */
  readonly text: string;
}

export interface ObservedMount {
  readonly path: string;
  /** What is mounted there; undefined where nothing is. */
  readonly found: MountPoint | undefined;
  /** In which ways that is not what the settings ask for. */
  readonly differences: readonly string[];
  /** Why nothing can be mounted there; undefined where it can, or is. */
  readonly obstacle: Lack | undefined;
  /** The options that the settings ask for, as mount(8) takes them. */
  readonly options: string;
}

export interface MountPoint {
  readonly type: string;
  /** Of the mount and of its file system, such as `nosuid` and `mode=777`. */
  readonly options: ReadonlySet<string>;
}

/** Where the kernel command line of this machine is kept. */
export interface CommandLinePlace {
  /** What to edit, to follow "add … to". */
  readonly where: string;
  /** What to do then; undefined where a reboot is all. */
  readonly after: string | undefined;
  /** What the running kernel was told of hugepages, as it stands there; undefined where nothing. */
  readonly present: string | undefined;
  readonly given: GivenPages;
}

/** Pages that a kernel command line asks for, by whomever it was written. */
export interface GivenPages {
  /** By the number of the node. */
  readonly nodes: Readonly<Record<string, number>>;
  /** For whatever node; 0 where nodes are named. */
  readonly total: number;
}

export interface ObservedHugepages {
  /** In their order; never empty. */
  readonly nodes: readonly HugepageNode[];
  readonly lack: Lack | undefined;
  readonly override: Override | undefined;
  readonly mount: ObservedMount;
  /** Units of Tenstorrent's own tools that do the same at each boot. */
  readonly upstreamUnits: readonly string[];
  /** Pages that we have had allocated since the machine was booted, by the name of the node. */
  readonly asked: Readonly<Record<string, number>>;
  /** What could not be had since the machine was booted. */
  readonly failed: Failed;
  /** Pages that are free, and promised to somebody who has not touched them yet. */
  readonly reserved: number;
  /** The driver that feeds the devices: the loaded one, else the wanted one. */
  readonly driverVersion: string | undefined;
}

/** What was tried in vain; trying the same again would bring the same. */
export interface Failed {
  /** By the name of the node: how many were asked for, and how many there were in the end. */
  readonly nodes: Readonly<Record<string, { readonly to: number; readonly allocated: number }>>;
  readonly mount?: { readonly path: string; readonly options: string } | undefined;
}

/** How many pages shall be where, and why. */
export interface Demand {
  /** The pages of each node, in the order of the nodes. */
  readonly pages: readonly number[];
  readonly total: number;
  /** Where the number comes from, or why it is 0. */
  readonly why: string;
  /** What is not as one would expect. */
  readonly notes: readonly string[];
}

/** How a node is called in messages and in records. */
export function nodeName(node: number | undefined): string {
  return node === undefined ? 'this machine' : `node ${node}`;
}

/** `4 pages of 1 GiB` */
export function pagesText(count: number): string {
  return `${count} ${count === 1 ? 'page' : 'pages'} of 1 GiB`;
}
