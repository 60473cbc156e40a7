// What an installation would do, found out before anything is touched.
import { dirname } from 'node:path';
import type { Host } from '../host/host.ts';
import type { Action } from './action.ts';
import { EMPTY_FOLDERS, type Group, type Placement } from './manifest.ts';
import type { PackageFolder } from './package.ts';
import {
  type InstallRecord,
  isSameContent,
  isUnchanged,
  RECORD_PATH,
  type RecordedFile,
  sha256Of,
} from './record.ts';

/** One file of the package, and what is to be done about its place on the host. */
interface FilePlan {
  readonly placement: Placement;
  /** What is to be done, or why not; undefined where it is as it should be. */
  readonly action: Action | undefined;
  /** What the record says of it afterwards; undefined where it is not ours. Reads the package's file. */
  recorded(): RecordedFile | undefined;
}

export interface InstallPlan {
  readonly files: readonly FilePlan[];
  /** Folders to make, the outer ones first. */
  readonly folders: readonly { readonly path: string; readonly group: Group }[];
  /** Files of an earlier installation that this package has no longer. */
  readonly leftovers: readonly Action[];
  /** Why it cannot be done: what is in the way, one line each. */
  readonly conflicts: readonly string[];
}

export function planInstall(
  host: Host,
  found: PackageFolder,
  placements: readonly Placement[],
  options: { readonly groups: ReadonlySet<Group>; readonly force: boolean; readonly record: InstallRecord },
): InstallPlan {
  const conflicts: string[] = [];
  const files = placements.map((placement) => {
    const before = options.record.files[placement.path];
    const plan = planFile(host, found, placement, before, options.force);
    if (typeof plan !== 'string') return plan;
    conflicts.push(plan);
    return { placement, action: undefined, recorded: () => before };
  });
  const folders = [
    ...files
      .filter(({ action }) => action?.kind === 'add')
      .map(({ placement: { path, group } }) => ({ path: dirname(path), group })),
    ...EMPTY_FOLDERS.filter(({ group }) => options.groups.has(group)),
  ].flatMap((wanted) => missingFolders(host, wanted, conflicts));
  const kept = new Set(placements.map(({ path }) => path));
  return {
    files,
    conflicts,
    folders: [...new Map(folders.map((folder) => [folder.path, folder])).values()].filter(
      ({ path }) => path !== dirname(RECORD_PATH),
    ),
    leftovers: Object.entries(options.record.files)
      .filter(([path, { group }]) => options.groups.has(group) && !kept.has(path))
      .flatMap(([path, before]) => planRemoval(host, path, before, options.force, 'no longer needed') ?? []),
  };
}

/** What taking a recorded file off would mean; undefined where it is gone already. */
export function planRemoval(
  host: Host,
  path: string,
  before: RecordedFile,
  force: boolean,
  reason?: string,
): Action | undefined {
  const there = host.fs.lstat(path);
  if (there === undefined) return undefined;
  const ours = there.kind === 'file' && isUnchanged(before, sha256Of(host.fs, path));
  if (ours || (force && there.kind !== 'folder')) {
    return reason === undefined ? { kind: 'remove', path } : { kind: 'remove', path, reason };
  }
  return { kind: 'keep', path, reason: 'changed since it was installed' };
}

/** @returns what is in the way, where something is */
function planFile(
  host: Host,
  found: PackageFolder,
  placement: Placement,
  before: RecordedFile | undefined,
  force: boolean,
): FilePlan | string {
  const { group, kind, mode, path, source } = placement;
  const ours = (): RecordedFile => ({ group, sha256: sha256Of(found.fs, source), mode, kind });
  const keep = (reason: string): FilePlan => ({
    placement,
    action: { kind: 'keep', path, reason },
    recorded: () => before,
  });
  const replace = (replaces: string | undefined, reason: string): FilePlan => ({
    placement,
    action: { kind: 'replace', path, reason },
    recorded: () => (replaces === undefined ? ours() : { ...ours(), replaces }),
  });

  const there = host.fs.lstat(path);
  if (there === undefined) return { placement, action: { kind: 'add', path }, recorded: ours };
  if (there.kind === 'link' && host.fs.readLink(path) === '/dev/null') return keep('masked with /dev/null');
  if (there.kind !== 'file') {
    if (kind === 'config') return keep('already there');
    if (force && there.kind === 'link') return replace(undefined, 'was a symbolic link');
    return `${path} is a ${there.kind === 'link' ? 'symbolic link' : there.kind}`;
  }

  if (isSameContent([found.fs, source], [host.fs, path])) {
    if (before === undefined && !force) return { placement, action: undefined, recorded: () => undefined };
    const action: Action | undefined =
      there.mode !== mode && kind === 'file'
        ? { kind: 'mode', path, reason: `${octal(there.mode)} becomes ${octal(mode)}` }
        : before === undefined
          ? { kind: 'adopt', path, reason: 'was there already' }
          : undefined;
    return { placement, action, recorded: ours };
  }
  const present = sha256Of(host.fs, path);
  if (before !== undefined && isUnchanged(before, present)) return replace(present, 'another version');
  if (force && kind === 'file') return replace(present, before ? 'had been changed' : 'was not ours');
  if (before === undefined) return kind === 'config' ? keep('already there') : `${path} is not ours`;
  // Files in /etc are the admin's to edit; the others are mended.
  if (path.startsWith('/etc/')) return keep('edited here');
  return replace(present, 'had been changed');
}

function missingFolders(
  host: Host,
  wanted: { readonly path: string; readonly group: Group },
  conflicts: string[],
): { path: string; group: Group }[] {
  const missing: { path: string; group: Group }[] = [];
  let path = wanted.path;
  while (path !== '/' && !host.fs.exists(path)) {
    missing.unshift({ path, group: wanted.group });
    path = dirname(path);
  }
  if (host.fs.stat(path)?.kind !== 'folder') conflicts.push(`${path} is not a folder`);
  return missing;
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
