// What is installed where: the table, and the files of a package that it names.
import { join } from 'node:path';
import type { HostFs } from '../host/fs.ts';
import type { PackageFolder } from './package.ts';

/** What can be installed and removed by itself. */
export type Group = 'program' | 'hooks' | 'services' | 'docs';

/** Whose services a host has use for. */
export type ServiceKind = 'systemd' | 'openrc';

/** One file on its way from the package to the host. */
export interface Placement {
  readonly group: Group;
  /** In the package folder. */
  readonly source: string;
  /** On the host. */
  readonly path: string;
  /** Permission bits, e.g. 0o755. */
  readonly mode: number;
  /** `file` is replaced when the package has another; `config` belongs to the admin from the first edit on. */
  readonly kind: 'file' | 'config';
}

/** The ways in which a kernel installation calls us; the word that the hook hands to `ttkmdctl kernel-event`. */
export type HookWay =
  | 'kernel-install'
  | 'preinst.d'
  | 'postinst.d'
  | 'debian-postinst'
  | 'debian-prerm'
  | 'debian-postrm';

export interface Hook {
  readonly way: HookWay;
  readonly path: string;
}

export const HOOKS: readonly Hook[] = [
  { way: 'kernel-install', path: '/usr/lib/kernel/install.d/35-ttkmd.install' },
  { way: 'preinst.d', path: '/usr/lib/kernel/preinst.d/35-ttkmd.install' },
  { way: 'postinst.d', path: '/usr/lib/kernel/postinst.d/35-ttkmd.install' },
  { way: 'debian-postinst', path: '/etc/kernel/postinst.d/35-ttkmd' },
  { way: 'debian-prerm', path: '/etc/kernel/prerm.d/35-ttkmd' },
  { way: 'debian-postrm', path: '/etc/kernel/postrm.d/35-ttkmd' },
];

export const LAUNCHER_PATH = '/usr/bin/ttkmdctl';

const PROGRAM_FOLDER = '/usr/lib/ttkmd';

/** For those who want a line at login; nothing runs it unless the admin links to it. */
const LOGIN_MESSAGE = '/usr/share/ttkmd/login-message.sh';

/** A line of the table: a file, or a folder with all that is in it. What a package lacks is left out. */
interface Line {
  readonly group: Group;
  /** In the package folder. */
  readonly from: string;
  readonly to: string;
  readonly mode: number;
  readonly config?: boolean;
  /** Names in the folder that belong to other lines. */
  readonly except?: readonly string[];
}

/** What may lie beside the chunks and has lines of its own. */
const OTHER_LINES = ['main.js', 'package.json', 'share', 'hooks', 'node', 'LICENSE', 'THIRD-PARTY-LICENSES'];

/** In the order of installation: nothing is there before what it calls. */
function table(found: PackageFolder, withNode: boolean, kinds: readonly ServiceKind[]): Line[] {
  const { program, node, share } = found;
  const nodeLines: Line[] = [
    { group: 'program', from: `${node}/bin/node`, to: `${PROGRAM_FOLDER}/node/bin/node`, mode: 0o755 },
    { group: 'program', from: `${node}/LICENSE`, to: `${PROGRAM_FOLDER}/node/LICENSE`, mode: 0o644 },
  ];
  return [
    ...(withNode ? nodeLines : []),
    { group: 'program', from: program, to: PROGRAM_FOLDER, mode: 0o644, except: OTHER_LINES },
    // An installed ttkmd is itself a package folder: `ttkmdctl hooks install` finds the hooks there.
    { group: 'program', from: '/hooks', to: `${PROGRAM_FOLDER}/hooks`, mode: 0o644 },
    // It says that the files beside it are ES modules; without it Node reads each of them twice.
    programLine('package.json'),
    programLine('LICENSE'),
    programLine('THIRD-PARTY-LICENSES'),
    // Last of the program: the main file names its chunks, so they are there before it.
    { group: 'program', from: `${program}/main.js`, to: `${PROGRAM_FOLDER}/main.js`, mode: 0o644 },
    { group: 'program', from: `/hooks${LAUNCHER_PATH}`, to: LAUNCHER_PATH, mode: 0o755 },
    { group: 'program', from: `${share}/ttkmd.conf`, to: '/etc/ttkmd/ttkmd.conf', mode: 0o644, config: true },
    { group: 'docs', from: `${share}/man`, to: '/usr/share/man', mode: 0o644 },
    ...completionLines(`${share}/completions`),
    hookLine('/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf', 0o644),
    ...HOOKS.map(({ path }) => hookLine(path, 0o755)),
    { group: 'program', from: `/hooks${LOGIN_MESSAGE}`, to: LOGIN_MESSAGE, mode: 0o755 },
    ...kinds.flatMap((kind) => SERVICE_LINES[kind]),
  ];
}

const UNITS = '/usr/lib/systemd/system';

/** A mount unit is called by its path, escaped as systemd-escape(1) does it. */
const MOUNT_UNIT = 'dev-hugepages\\x2d1G.mount';

/** In `/etc/init.d` too, what was not changed is replaced by what a newer release brings. */
const SERVICE_LINES: Readonly<Record<ServiceKind, readonly Line[]>> = {
  systemd: [
    { group: 'services', from: `/units${UNITS}`, to: UNITS, mode: 0o644, except: [MOUNT_UNIT] },
    // One of another package, such as tt-system-tools, which has the same name, does as well and stays.
    {
      group: 'services',
      from: `/units${UNITS}/${MOUNT_UNIT}`,
      to: `${UNITS}/${MOUNT_UNIT}`,
      mode: 0o644,
      config: true,
    },
  ],
  openrc: [
    { group: 'services', from: '/openrc/etc/init.d', to: '/etc/init.d', mode: 0o755 },
    { group: 'services', from: '/openrc/etc/conf.d', to: '/etc/conf.d', mode: 0o644, config: true },
  ],
};

function programLine(name: string): Line {
  return { group: 'program', from: `/${name}`, to: `${PROGRAM_FOLDER}/${name}`, mode: 0o644 };
}

function hookLine(path: string, mode: number): Line {
  return { group: 'hooks', from: `/hooks${path}`, to: path, mode };
}

function completionLines(from: string): Line[] {
  const places = {
    'ttkmdctl.bash': '/usr/share/bash-completion/completions/ttkmdctl',
    'ttkmdctl.zsh': '/usr/share/zsh/site-functions/_ttkmdctl',
    'ttkmdctl.fish': '/usr/share/fish/vendor_completions.d/ttkmdctl.fish',
  };
  return Object.entries(places).map(([name, to]) => ({
    group: 'docs',
    from: `${from}/${name}`,
    to,
    mode: 0o644,
  }));
}

/** Folders that are made even though nothing is put into them. */
export const EMPTY_FOLDERS: readonly { readonly group: Group; readonly path: string }[] = [
  { group: 'program', path: '/etc/ttkmd/hooks.d' },
  { group: 'program', path: '/etc/ttkmd/ttkmd.conf.d' },
];

/** Every file of a package with its place on a host, in the order of installation. */
export function placementsOf(
  found: PackageFolder,
  options: {
    readonly groups: ReadonlySet<Group>;
    readonly withNode: boolean;
    readonly services: readonly ServiceKind[];
  },
): Placement[] {
  return table(found, options.withNode, options.services)
    .filter(({ group }) => options.groups.has(group))
    .flatMap((line) => filesOf(found.fs, line.from, line.except).map((rest) => placement(line, rest)));
}

function placement(line: Line, rest: string): Placement {
  return {
    group: line.group,
    source: join(line.from, rest),
    path: join(line.to, rest),
    mode: line.mode,
    kind: line.config ? 'config' : 'file',
  };
}

/** The files at and below a path, relative to it; a file by itself is the empty path. */
function filesOf(fs: HostFs, path: string, except: readonly string[] = []): string[] {
  const kind = fs.stat(path)?.kind;
  if (kind === 'file') return [''];
  if (kind !== 'folder') return [];
  return fs
    .list(path)
    .filter((name) => !except.includes(name))
    .flatMap((name) => filesOf(fs, `${path}/${name}`).map((rest) => join(name, rest)));
}
