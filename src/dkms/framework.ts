// Where dkms's framework configuration puts its trees, and what it signs with. The files are bash, and are read without running them.

import { plainAssignments } from '../host/bash-assignments.ts';
import type { HostFs } from '../host/fs.ts';

/** Where driver sources are, for ttkmd and for a dkms that nobody told otherwise. */
export const SOURCE_TREE = '/usr/src';

const DEFAULTS = {
  dkms_tree: '/var/lib/dkms',
  source_tree: SOURCE_TREE,
  install_tree: '/lib/modules',
  mok_signing_key: '',
  mok_certificate: '',
  sign_file: '',
};

/** A line that takes bash to tell what it sets. */
export interface UnreadableSetting {
  /** File and line. */
  readonly place: string;
  readonly text: string;
}

export interface Framework {
  /** Where dkms keeps its records. */
  readonly tree: string;
  /** Where `dkms add` looks for sources. */
  readonly sourceTree: string;
  /** What decides on the tree and cannot be read; the default is taken then. */
  readonly unreadable: UnreadableSetting | undefined;
  /** The key that it names; undefined where it names none. */
  readonly key: { readonly key: string; readonly certificate: string; readonly place: string } | undefined;
  /** The program that it names to sign with. */
  readonly signFile: string | undefined;
}

type Setting = keyof typeof DEFAULTS;
type Values = Map<Setting, string | UnreadableSetting>;

/** The settings after the main file and each drop-in, in the order in which dkms sources them. */
export function readFramework(fs: HostFs): Framework {
  const folder = '/etc/dkms/framework.conf.d';
  const drops = fs.list(folder).filter((name) => /^[^.].*\.conf$/.test(name));
  const values: Values = new Map(Object.entries(DEFAULTS) as [Setting, string][]);
  for (const file of ['/etc/dkms/framework.conf', ...drops.map((name) => `${folder}/${name}`)]) {
    readFile(fs.readText(file) ?? '', file, values);
  }
  const tree = values.get('dkms_tree');
  const sourceTree = values.get('source_tree');
  const named = (name: Setting): string => {
    const value = values.get(name);
    return typeof value === 'string' ? value : '';
  };
  const key = named('mok_signing_key');
  return {
    tree: typeof tree === 'string' ? tree : DEFAULTS.dkms_tree,
    sourceTree: typeof sourceTree === 'string' ? sourceTree : DEFAULTS.source_tree,
    unreadable: typeof tree === 'string' ? undefined : tree,
    key:
      key === ''
        ? undefined
        : {
            key,
            certificate: named('mok_certificate') || '/var/lib/dkms/mok.pub',
            place: '/etc/dkms/framework.conf',
          },
    signFile: named('sign_file') || undefined,
  };
}

/** Dkms sources each file in a shell of its own: its settings live on, what else a file sets does not. */
function readFile(text: string, file: string, values: Values): void {
  const others = new Map<string, string>();
  let depth = 0;
  for (const { line, number } of logicalLines(text)) {
    const riddle = { place: `${file}:${number}`, text: line.split('\n')[0]?.trim() ?? '' };
    depth += opens(line);
    const plain = depth > 0 ? undefined : plainAssignments(line, known(others, values));
    for (const { name, value } of plain ?? []) {
      if (isSetting(name)) values.set(name, survives(value) ? value : riddle);
      else others.set(name, value);
    }
    if (plain === undefined) {
      for (const name of mayAssign(line)) {
        if (isSetting(name)) values.set(name, riddle);
        else others.delete(name);
      }
    }
    depth = Math.max(0, depth - closes(line));
  }
}

/** Lines, those joined that end in a backslash; without comments and the carriage returns that dkms takes off too. */
function* logicalLines(text: string): Generator<{ line: string; number: number }> {
  let line = '';
  let number = 1;
  for (const [index, part] of text.split(/\r?\n/).entries()) {
    if (line === '') number = index + 1;
    if (part.endsWith('\\') && !part.trimStart().startsWith('#')) {
      line += part.slice(0, -1);
      continue;
    }
    line += part;
    if (!/^\s*(?:#|$)/.test(line)) yield { line, number };
    line = '';
  }
  if (line !== '') yield { line, number };
}

/** Dkms echoes a value and sources that again within quotes: some do not come out as they went in. */
function survives(value: string): boolean {
  return /^(?:\/|pkcs11:)[^$`"\\*?[\]]*$/.test(value) && !/\s\s|\s$/.test(value);
}

/** The variables that a line may set which is not plain; another file may set each setting. */
function mayAssign(line: string): string[] {
  if (/(?:^|[;&|]|\bthen|\bdo)\s*(?:\.|source)\s/.test(line)) return Object.keys(DEFAULTS);
  const names = line.matchAll(/(?<![\w$])([A-Za-z_]\w*)(?:\[[^\]]*\])?\+?=|\$\{([A-Za-z_]\w*):?=/g);
  return [...names].map(([, assigned, expanded]) => assigned ?? expanded ?? '');
}

function opens(line: string): number {
  return (/^\s*(?:if|for|while|until|case|select)\b/.test(line) ? 1 : 0) + (/[{(]\s*$/.test(line) ? 1 : 0);
}

function closes(line: string): number {
  return /(?:^|[;\s])(?:fi|done|esac)\s*;?\s*$|^\s*[})]/.test(line) ? 1 : 0;
}

function known(others: ReadonlyMap<string, string>, values: Values): Map<string, string> {
  const all = new Map(others);
  for (const [name, value] of values) if (typeof value === 'string') all.set(name, value);
  return all;
}

function isSetting(name: string): name is Setting {
  return name in DEFAULTS;
}
