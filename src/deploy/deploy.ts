// Puts ttkmd's own files on a host, and takes them off. The caller holds the lock.
import { basename, dirname } from 'node:path';
import { COMPILED_FOLDER } from '../host/compile-cache.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { Action } from './action.ts';
import { EMPTY_FOLDERS, type Group, placementsOf, type ServiceKind } from './manifest.ts';
import type { PackageFolder } from './package.ts';
import { type InstallPlan, planInstall, planRemoval } from './plan-install.ts';
import { type InstallRecord, RECORD_PATH, type RecordedFile, readRecord, writeRecord } from './record.ts';
import { isNewEnough, OLDEST_NODE } from './system-node.ts';

export interface RemoveOptions {
  /** `all` unless told. */
  readonly only?: 'hooks' | 'all';
  /** Changes nothing, and says what would be done. */
  readonly dryRun?: boolean;
  /** Removes what was changed too; an installation also replaces what is not ours, except configuration. */
  readonly force?: boolean;
}

export interface InstallOptions extends RemoveOptions {
  /** The version of the host's own Node.js; undefined where there is none. */
  readonly systemNode?: string | undefined;
  /** Brings the package's Node.js even where the host's own would do. */
  readonly withNode?: boolean;
  /** Whose services are put in place; nobody's unless told. */
  readonly services?: readonly ServiceKind[];
}

const ALL_GROUPS: readonly Group[] = ['program', 'hooks', 'services', 'docs'];

/**
 * Installs a package. Killed at any point and started again, it finishes; done twice, the second finds
 * nothing to do.
 * @returns what was done, in that order; nothing but `keep` where all is in place
 * @throws TtkmdError where something that is not ours is in the way; nothing was changed then
 */
export function install(host: Host, found: PackageFolder, options: InstallOptions = {}): Action[] {
  const groups = groupsOf(options.only);
  const withNode = groups.has('program') && needsNode(found, options);
  const record = readRecord(host);
  const placements = placementsOf(found, { groups, withNode, services: options.services ?? [] });
  const plan = planInstall(host, found, placements, { groups, record, force: options.force ?? false });
  if (plan.conflicts.length > 0) throw inTheWay(plan.conflicts);

  const actions: Action[] = [
    ...plan.folders.map(({ path }): Action => ({ kind: 'add-folder', path })),
    ...plan.files.flatMap(({ action }) => action ?? []),
    ...plan.leftovers,
  ];
  if (options.dryRun) return actions;
  const next = recordAfter(record, plan, groups);
  if (actions.every(({ kind }) => kind === 'keep') && sameFiles(record, next)) return actions;
  return finishing(() => {
    apply(host, found, record, next, plan);
    // What the compiler made of the program that was.
    host.fs.removeTree(COMPILED_FOLDER);
    return [...actions, ...pruneFolders(host, next, groups)];
  });
}

/**
 * Takes off what the record lists. What was changed since stays and is no longer ours.
 * @returns what was done, in that order
 */
export function remove(host: Host, options: RemoveOptions = {}): Action[] {
  const groups = groupsOf(options.only);
  const record = readRecord(host);
  // Against the order of installation: no hook is there without what it calls.
  const ours = Object.entries(record.files)
    .filter(([, { group }]) => groups.has(group))
    .sort(([a, left], [b, right]) => removalRank(a, left) - removalRank(b, right));
  const actions = ours.flatMap(
    ([path, before]) => planRemoval(host, path, before, options.force ?? false) ?? [],
  );
  if (ours.some(([, { group }]) => group === 'program')) actions.push(...adminsOwn(host, record));
  if (options.dryRun) return actions;

  return finishing(() => {
    for (const [path] of ours) removeDrafts(host, path);
    for (const { kind, path } of actions) if (kind === 'remove') host.fs.remove(path);
    const files = Object.fromEntries(
      Object.entries(record.files).filter(([, { group }]) => !groups.has(group)),
    );
    const next = { ...record, files };
    if (Object.keys(files).length > 0) return [...actions, ...pruneFolders(host, next, groups, [])];

    actions.push(...removeFolders(host, next.folders, () => true));
    removeDrafts(host, RECORD_PATH);
    host.fs.remove(RECORD_PATH);
    host.fs.removeEmptyFolder(dirname(RECORD_PATH));
    return actions;
  });
}

/** What people have put into the folders that were made for that. */
function adminsOwn({ fs }: Host, { files }: InstallRecord): Action[] {
  return EMPTY_FOLDERS.flatMap(({ path }) => fs.list(path).map((name) => `${path}/${name}`))
    .filter((path) => !Object.hasOwn(files, path))
    .map((path) => ({ kind: 'keep', path, reason: 'it is yours' }));
}

function groupsOf(only: 'hooks' | 'all' = 'all'): ReadonlySet<Group> {
  return new Set(only === 'all' ? ALL_GROUPS : [only]);
}

/** @throws TtkmdError where no Node.js would be there to run on */
function needsNode(found: PackageFolder, { systemNode, withNode }: InstallOptions): boolean {
  const enough = systemNode !== undefined && isNewEnough(systemNode);
  const brought = found.fs.exists(`${found.node}/bin/node`);
  if (brought) return withNode || !enough;
  if (enough && !withNode) return false;
  const lack = systemNode === undefined ? 'this host has none' : `this host has ${systemNode}`;
  throw new TtkmdError(
    'node-missing',
    `ttkmd needs Node.js ${OLDEST_NODE} or newer; ${lack}, and this package brings none.`,
    'Install Node.js (on Gentoo: emerge net-libs/nodejs), or install from a release, which has one in it.',
    EXIT.stepFailed,
  );
}

function apply(
  host: Host,
  found: PackageFolder,
  before: InstallRecord,
  after: InstallRecord,
  plan: InstallPlan,
): void {
  makeFolder(host, dirname(RECORD_PATH));
  // Written before anything else: what a kill leaves half done is known as ours.
  writeRecord(host, { ...after, files: { ...before.files, ...after.files } });
  for (const { path } of plan.folders) makeFolder(host, path);
  for (const { action, placement } of plan.files) {
    if (action?.kind === 'mode') host.fs.chmod(placement.path, placement.mode);
    if (action?.kind !== 'add' && action?.kind !== 'replace') continue;
    removeDrafts(host, placement.path);
    // Writing would follow it.
    if (host.fs.lstat(placement.path)?.kind === 'link') host.fs.remove(placement.path);
    host.fs.write(placement.path, found.fs.pieces(placement.source), placement.mode);
  }
  for (const { kind, path } of plan.leftovers) {
    removeDrafts(host, path);
    if (kind === 'remove') host.fs.remove(path);
  }
}

/** What is recorded from the first write on; `replaces` goes when all is in place. */
function recordAfter(before: InstallRecord, plan: InstallPlan, groups: ReadonlySet<Group>): InstallRecord {
  const others = Object.entries(before.files).filter(([, { group }]) => !groups.has(group));
  const ours = plan.files.flatMap((file): [string, RecordedFile][] => {
    const recorded = file.recorded();
    return recorded === undefined ? [] : [[file.placement.path, recorded]];
  });
  const made = plan.folders.map(({ path, group }): [string, Group] => [path, group]);
  return {
    schema: 1,
    files: Object.fromEntries([...others, ...ours]),
    folders: { ...before.folders, ...Object.fromEntries(made) },
  };
}

/** Removes our folders that nothing is in any more, and writes down what is left. */
function pruneFolders(
  host: Host,
  record: InstallRecord,
  groups: ReadonlySet<Group>,
  wanted: readonly string[] = EMPTY_FOLDERS.map(({ path }) => path),
): Action[] {
  const removable = (path: string, group: Group): boolean => groups.has(group) && !wanted.includes(path);
  const removed = removeFolders(host, record.folders, removable);
  const gone = new Set(removed.map(({ path }) => path));
  // All of these groups is in place now; what another unfinished run may have left elsewhere is still so.
  const files = Object.entries(record.files).map(([path, { replaces, ...file }]) => [
    path,
    replaces === undefined || groups.has(file.group) ? file : { ...file, replaces },
  ]);
  const folders = Object.entries(record.folders).filter(([path]) => !gone.has(path));
  writeRecord(host, { schema: 1, files: Object.fromEntries(files), folders: Object.fromEntries(folders) });
  return removed;
}

function removeFolders(
  host: Host,
  folders: InstallRecord['folders'],
  removable: (path: string, group: Group) => boolean,
): Action[] {
  return Object.entries(folders)
    .filter(([path, group]) => removable(path, group))
    .sort(([a], [b]) => b.length - a.length)
    .filter(([path]) => host.fs.removeEmptyFolder(path))
    .map(([path]) => ({ kind: 'remove-folder', path }));
}

/** Hooks and services first, then the launcher that they call, then the rest. */
function removalRank(path: string, { group }: RecordedFile): number {
  if (group === 'hooks' || group === 'services') return 0;
  return path.startsWith('/usr/bin/') ? 1 : 2;
}

function makeFolder(host: Host, path: string): void {
  if (host.fs.exists(path)) return;
  makeFolder(host, dirname(path));
  host.fs.makeFolder(path);
  // The umask may have taken bits away, and others than root read these.
  host.fs.chmod(path, 0o755);
}

/** What a write of ours left when it was killed. */
function removeDrafts(host: Host, path: string): void {
  const prefix = `.${basename(path)}.`;
  for (const name of host.fs.list(dirname(path))) {
    if (name.startsWith(prefix) && /^\d+\.new$/.test(name.slice(prefix.length))) {
      host.fs.remove(`${dirname(path)}/${name}`);
    }
  }
}

function sameFiles(before: InstallRecord, after: InstallRecord): boolean {
  return (
    JSON.stringify(Object.entries(before.files).sort()) === JSON.stringify(Object.entries(after.files).sort())
  );
}

function inTheWay(conflicts: readonly string[]): TtkmdError {
  return new TtkmdError(
    'deploy-conflict',
    `Nothing was installed, because something else is in the way: ${[...new Set(conflicts)].join('; ')}.`,
    'Move it away (a package manager may own it: `ttkmdctl` is then installed already), or give --force to replace it.',
    EXIT.stepFailed,
  );
}

function finishing(work: () => Action[]): Action[] {
  try {
    return work();
  } catch (error) {
    if (error instanceof TtkmdError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const denied = code === 'EACCES' || code === 'EPERM';
    throw new TtkmdError(
      'deploy-failed',
      `ttkmd's files could not all be put in place or taken off: ${message}`,
      denied ? 'Run it as root.' : 'Mend that and run it again: it goes on where it stopped.',
      denied ? EXIT.rights : EXIT.stepFailed,
      error,
    );
  }
}
