// A source's dkms.conf: bash that dkms runs as root. Here it is read and never run.
import { type SimpleCommand, simpleCommands, type Word } from './bash-words.ts';

/** Variables that make dkms build the module at times of its own, or write outside its tree. */
const OWNERSHIP = /^["']?(?:AUTOINSTALL|POST_INSTALL)(?:\[[^\]]*\])?\+?=/;

const ASSIGNMENT = /^[A-Za-z_]\w*(?:\[[^\]]*\])?\+?=/;

/** Builtins whose arguments are assignments. */
const DECLARING = new Set(['export', 'declare', 'typeset', 'readonly', 'local']);

/** The assignments that give the module to dkms, as they are written. */
export function ownershipLines(conf: string): string[] {
  return ownershipSpots(conf).map(({ start, end }) => conf.slice(start, end).trim());
}

/** The text of a `dkms.conf` without the assignments that give the module to dkms. */
export function withoutOwnershipLines(conf: string): string {
  return ownershipSpots(conf).reduceRight((text, spot) => removed(text, spot), conf);
}

/** A variable of a `dkms.conf`, where it is a plain assignment. */
export function dkmsVariable(conf: string, name: string): string | undefined {
  const value = conf.match(new RegExp(`^\\s*${name}\\s*=\\s*(.*?)\\s*(?:#.*)?$`, 'm'))?.[1];
  return value?.replace(/^(["'])(.*)\1$/, '$2');
}

interface Spot {
  readonly start: number;
  readonly end: number;
  /** It is all of its command, so that the line goes with it, or `:` comes in its place. */
  readonly whole: boolean;
  readonly nested: boolean;
}

function ownershipSpots(conf: string): Spot[] {
  return simpleCommands(conf).flatMap((command): Spot[] => {
    const given = assignmentsOf(command);
    const ours = given.filter((word) => OWNERSHIP.test(word.text));
    const [first, last] = [command.words[0], command.words.at(-1)];
    if (ours.length === 0 || first === undefined || last === undefined) return [];
    const { nested } = command;
    return ours.length === given.length
      ? [{ start: first.start, end: last.end, whole: true, nested }]
      : ours.map(({ start, end }) => ({ start, end, whole: false, nested }));
  });
}

/** What a command assigns for good. Assignments before another command are in that one's environment only. */
function assignmentsOf({ words }: SimpleCommand): readonly Word[] {
  const behind = words.findIndex((word) => !ASSIGNMENT.test(word.text));
  if (behind < 0) return words;
  const declares = behind === 0 && DECLARING.has(words[0]?.text ?? '');
  return declares ? words.slice(1).filter((word) => !/^[-+]/.test(word.text)) : [];
}

function removed(conf: string, { start, end, whole, nested }: Spot): string {
  if (!whole) return `${conf.slice(0, start)}${conf.slice(end).replace(/^[ \t]+/, '')}`;
  const lineStart = conf.lastIndexOf('\n', start - 1) + 1;
  const rest = conf.slice(end).match(/^[ \t]*;?[ \t]*(?:#[^\n]*)?\r?(?:\n|$)/)?.[0];
  if (nested || rest === undefined || conf.slice(lineStart, start).trim() !== '') {
    return `${conf.slice(0, start)}:${conf.slice(end)}`;
  }
  const after = conf.slice(end + rest.length);
  const before = conf.slice(0, lineStart);
  return after === '' && !rest.endsWith('\n') ? before.replace(/\n$/, '') : `${before}${after}`;
}
