// Takes back what a bootstrap has done, from the journal; what somebody has changed since stays, and is named.
import { observeDkms } from '../dkms/tree.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { PACKAGE } from '../driver/sources.ts';
import type { HostFs } from '../host/fs.ts';
import { fileHash } from '../host/hash.ts';
import type { Host } from '../host/host.ts';
import { quoted } from '../host/shell-word.ts';
import { describeHugepages, giveHugepagesBack } from './hugepages-undo.ts';
import type { Journal } from './journal.ts';
import { removePackages } from './packages-undo.ts';
import type { Hands, StepName, Undo } from './step.ts';

export interface UndoBench {
  readonly host: Host;
  readonly hands: Pick<Hands, 'run'>;
  readonly onLine: (line: string) => void;
}

/** What was done about one thing, or would be. */
export interface UndoReport {
  readonly kind: 'remove' | 'keep';
  readonly text: string;
}

/** Milliseconds for a package manager to remove packages. */
const LIMIT = 30 * 60_000;

/** Steps whose files the program's own removal takes off, since it put them there. */
const OWN: readonly StepName[] = ['program', 'hooks', 'service'];
const DRIVER: readonly StepName[] = ['source', 'hugepages', 'driver'];

/** dkms is needed to take the driver off, and its keys go when it has gone; the rest is between. Folders go empty. */
const RANKS: Readonly<Partial<Record<Undo['kind'], number>>> = {
  driver: 0,
  packages: 2,
  'dkms-tree': 3,
  folder: 4,
};

/** What there is to take back, in that order: from the last to the first; packages last, since others need them. */
export function undoList(journal: Journal, keepDriver: boolean): Undo[] {
  const steps = journal.steps.filter(
    ({ name }) => !OWN.includes(name) && !(keepDriver && (DRIVER.includes(name) || name === 'packages')),
  );
  const all = steps.flatMap(({ undo }) => undo).reverse();
  const rank = ({ kind }: Undo): number => RANKS[kind] ?? 1;
  return all
    .map((undo, place) => ({ undo, place }))
    .sort((a, b) => rank(a.undo) - rank(b.undo) || depth(b.undo) - depth(a.undo) || a.place - b.place)
    .map(({ undo }) => undo);
}

/** A folder goes before the one that it is in, whichever attempt made which. */
function depth(undo: Undo): number {
  return undo.kind === 'folder' ? undo.path.split('/').length : 0;
}

/** A line that says what taking back would do; undefined where there is nothing to take back any more. */
export function describeUndo(host: Pick<Host, 'fs' | 'machine'>, undo: Undo): UndoReport | undefined {
  const { fs } = host;
  switch (undo.kind) {
    case 'file': {
      const hash = fileHash(fs, undo.path);
      if (hash === undefined) return undefined;
      return hash === undo.sha256
        ? { kind: 'remove', text: undo.path }
        : { kind: 'keep', text: `${undo.path}: changed since it was written` };
    }
    case 'link':
      return fs.readLink(undo.path) === undo.target ? { kind: 'remove', text: undo.path } : undefined;
    case 'folder':
    case 'tree':
      return fs.lstat(undo.path) === undefined ? undefined : { kind: 'remove', text: undo.path };
    case 'dkms-tree':
      return describeDkmsTree(fs, undo.path);
    case 'hugepages':
      return describeHugepages(host, undo.path);
    case 'packages':
      return { kind: 'remove', text: `packages: ${undo.names.join(' ')}` };
    case 'driver':
      return { kind: 'remove', text: `the driver ${undo.version}, off all kernels and off dkms's records` };
    case 'run':
      return { kind: 'remove', text: undo.argv.map(quoted).join(' ') };
  }
}

/** @returns what was done; undefined where there was nothing to take back any more */
export async function takeBack(bench: UndoBench, undo: Undo): Promise<UndoReport | undefined> {
  const { fs } = bench.host;
  const report = describeUndo(bench.host, undo);
  if (report === undefined || report.kind === 'keep') return report;
  switch (undo.kind) {
    case 'file':
    case 'link':
      fs.remove(undo.path);
      return report;
    case 'tree':
    case 'dkms-tree':
      fs.removeTree(undo.path);
      return report;
    case 'folder':
      return fs.removeEmptyFolder(undo.path)
        ? report
        : { kind: 'keep', text: `${undo.path}: something of others is in it` };
    case 'hugepages':
      return giveHugepagesBack(bench, undo.path);
    case 'packages':
      return removePackages(bench, undo, LIMIT);
    case 'driver':
      return removeDriver(bench, undo.version);
    case 'run':
      return (await run(bench, undo.argv)) ? report : { kind: 'keep', text: `${report.text}: failed` };
  }
}

function describeDkmsTree(fs: HostFs, path: string): UndoReport | undefined {
  if (fs.lstat(path) === undefined) return undefined;
  const others = fs
    .list(path)
    .filter((name) => name !== PACKAGE && fs.lstat(`${path}/${name}`)?.kind === 'folder');
  return others.length === 0
    ? { kind: 'remove', text: path }
    : { kind: 'keep', text: `${path}: it has ${others.join(' and ')}, too` };
}

async function removeDriver(bench: UndoBench, version: string): Promise<UndoReport> {
  const { host } = bench;
  const loaded = observeLoaded(host.fs);
  const inUse = loaded !== undefined && loaded.users > 0;
  if (loaded !== undefined && !inUse && !host.machine.chrooted) await run(bench, ['modprobe', '-r', PACKAGE]);
  const known = observeDkms(host.fs, PACKAGE, host.machine.arch).versions.some(
    (one) => one.version === version,
  );
  const removed = !known || (await run(bench, ['dkms', 'remove', '-m', PACKAGE, '-v', version, '--all']));
  if (!removed) return { kind: 'keep', text: `the driver ${version}: dkms could not remove it` };
  const rest = inUse ? '; it is in use and stays loaded until the next boot' : '';
  return { kind: 'remove', text: `the driver ${version}${rest}` };
}

async function run(bench: UndoBench, argv: readonly string[]): Promise<boolean> {
  const { code } = await bench.hands.run({ kind: 'run', argv, timeLimit: LIMIT }, bench.onLine);
  return code === 0;
}
