// A dkms that somebody else runs: it has no lock, so looking for its process is all that one can do.
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';

/** What dkms 3.0 to 3.4 and its older versions change something by; `status` is no such word. */
const CHANGING =
  /^(?:add|(?:auto|un)?install|(?:un)?build|remove|match|ldtarball|mk(?:tarball|drv\w*|rpm|deb|bmdeb|dsc|kmp)|driver_disk|kernel_(?:pre|post)\w+)$/;

/** Words that only look, and end the search for one that changes something. */
const LOOKING = /^(?:status|generate_mok)$/;

/** A script is known by its own name, or by that of the shell that was told to run it. */
const NAMES = new Set(['dkms', 'bash', 'sh', 'dash']);

/** Pids of root's dkms commands that may change the same tree: one in a container has a tree of its own. */
export function foreignRuns({ fs }: Pick<Host, 'fs'>, tree: string): number[] {
  const ours = fs.stat(tree);
  const isAtWork = (name: string): boolean => changesTree(fs.readText(`/proc/${name}/cmdline`) ?? '');
  return fs
    .list('/proc')
    .filter((name) => /^\d+$/.test(name) && NAMES.has(fs.readText(`/proc/${name}/comm`)?.trim() ?? ''))
    .filter((name) => isAtWork(name) && isRoots(fs, name))
    .filter((name) => {
      const theirs = fs.stat(`/proc/${name}/root${tree}`);
      if (theirs !== undefined) return theirs.inode === ours?.inode && theirs.device === ours?.device;
      // One that may not be looked into counts, and one that has ended since does not.
      return fs.stat(`/proc/${name}/root/.`) === undefined ? isAtWork(name) : ours === undefined;
    })
    .map(Number);
}

/** Whether a command line, with a zero behind each word, is that of a dkms that may change something. */
function changesTree(commandLine: string): boolean {
  const [program = '', ...rest] = commandLine.split('\0');
  const args = isDkms(program) ? rest : argumentsOfScript(program, rest);
  const verb = args.find((word) => CHANGING.test(word) || LOOKING.test(word));
  return verb !== undefined && CHANGING.test(verb);
}

function argumentsOfScript(shell: string, args: readonly string[]): readonly string[] {
  if (!NAMES.has(nameOf(shell))) return [];
  const script = args.findIndex((word) => !word.startsWith('-'));
  return isDkms(args[script] ?? '') ? args.slice(script + 1) : [];
}

function isDkms(path: string): boolean {
  return nameOf(path) === 'dkms';
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Anybody may call a process dkms, and make /proc show it as root's: the effective user is what counts. */
function isRoots(fs: HostFs, pid: string): boolean {
  return /^Uid:\s+\d+\s+0\s/m.test(fs.readText(`/proc/${pid}/status`) ?? '');
}
