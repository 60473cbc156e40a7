// Whether the device nodes have the permissions that udev's rules give them.
import type { HostFs } from '../host/fs.ts';
import { PACKAGE } from './sources.ts';

/** In the order of udev(7): of files of one name, that of the first folder counts. */
const RULE_FOLDERS = [
  '/etc/udev/rules.d',
  '/run/udev/rules.d',
  '/usr/local/lib/udev/rules.d',
  '/usr/lib/udev/rules.d',
  '/lib/udev/rules.d',
];

const NODES = `/dev/${PACKAGE}`;

/** A node that is not as the rule says. */
export interface WrongNode {
  readonly path: string;
  /** As `0666`, and with a group where the rule names one: `0660 group tt`. */
  readonly wanted: string;
  readonly found: string;
  /** The rule's file. */
  readonly rule: string;
}

interface Wanted {
  readonly mode: number | undefined;
  readonly group: string | undefined;
  readonly rule: string;
}

/** None where no rule says anything, or one says it in a way that only udev can tell. */
export function observeWrongNodes(fs: HostFs): WrongNode[] {
  const nodes = fs.list(NODES).filter((name) => /^\d+$/.test(name));
  const wanted = nodes.length === 0 ? undefined : readRules(fs);
  if (wanted === undefined) return [];
  const group = wanted.group === undefined ? undefined : groupNumber(fs, wanted.group);
  return nodes.flatMap((name) => {
    const path = `${NODES}/${name}`;
    const info = fs.stat(path);
    if (info === undefined) return [];
    const isRight =
      (wanted.mode === undefined || (info.mode & 0o777) === wanted.mode) &&
      (group === undefined || info.group === group);
    if (isRight) return [];
    const withGroup = (mode: number | undefined, of: string | number): string =>
      [mode === undefined ? '' : `0${(mode & 0o777).toString(8)}`, group === undefined ? '' : `group ${of}`]
        .filter(Boolean)
        .join(' ');
    return [
      {
        path,
        rule: wanted.rule,
        wanted: withGroup(wanted.mode, wanted.group ?? ''),
        found: withGroup(info.mode, info.group),
      },
    ];
  });
}

/** The last rule that gives a mode or a group wins; udev reads the files by their names, whatever folder they are in. */
function readRules(fs: HostFs): Wanted | undefined {
  const files = new Map<string, string>();
  for (const folder of RULE_FOLDERS) {
    for (const name of fs.list(folder)) {
      if (name.endsWith('.rules') && !files.has(name)) files.set(name, `${folder}/${name}`);
    }
  }
  let wanted: Wanted | undefined;
  for (const name of [...files.keys()].sort()) {
    const rule = files.get(name) ?? '';
    for (const line of (fs.readText(rule) ?? '').replace(/\\\n/g, '').split('\n')) {
      if (!/^\s*(?:SUBSYSTEM|KERNEL)=="tenstorrent/.test(line)) continue;
      const found = readLine(line);
      if (found === 'unclear') return undefined;
      if (found !== undefined) {
        wanted = { mode: found.mode ?? wanted?.mode, group: found.group ?? wanted?.group, rule };
      }
    }
  }
  return wanted;
}

/** What a line gives to every node; `unclear` where it depends on more than which driver the node is of. */
function readLine(line: string): Pick<Wanted, 'mode' | 'group'> | 'unclear' | undefined {
  const mode = /\bMODE:?="([^"]*)"/.exec(line)?.[1];
  const group = /\bGROUP:?="([^"]*)"/.exec(line)?.[1];
  if (mode === undefined && group === undefined) return undefined;
  const conditions = [...line.matchAll(/([\w{}./]+)(==|!=)"/g)].filter(
    ([, key, operator]) => operator === '!=' || !/^(?:SUBSYSTEM|KERNEL|ACTION)$/.test(key ?? ''),
  );
  const isPlain = (mode === undefined || /^0?[0-7]{3}$/.test(mode)) && !/[$%]/.test(group ?? '');
  if (conditions.length > 0 || !isPlain) return 'unclear';
  return { mode: mode === undefined ? undefined : Number.parseInt(mode, 8), group };
}

/** By the file alone: udev itself takes no other groups before the network is up. */
function groupNumber(fs: HostFs, name: string): number | undefined {
  const line = (fs.readText('/etc/group') ?? '').split('\n').find((one) => one.startsWith(`${name}:`));
  const number = Number(/^\d+$/.test(name) ? name : line?.split(':')[2]);
  return Number.isInteger(number) ? number : undefined;
}
