// What the completions of all shells offer: commands, options, and what stands behind an option.
import { STEP_NAMES } from '../../src/bootstrap/choices.ts';
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';

/** Releases are the folders in /lib/modules. An alias of ls may print more than names. */
export const RELEASES = 'command ls /lib/modules 2>/dev/null';

/** What can stand behind an option. */
export type Offer = 'releases' | 'files' | 'folders' | readonly string[];

const OFFERS: Readonly<Record<string, Offer>> = {
  release: 'releases',
  dir: 'folders',
  folder: 'folders',
  file: 'files',
  source: 'files',
  place: 'files',
  steps: STEP_NAMES,
};

export function offerOf({ choices, value }: DocumentedOption): Offer {
  return choices.length > 0 ? choices : (OFFERS[value ?? ''] ?? []);
}

/** Commands whose first argument is a word of a few, each word with what is offered behind it. */
export function wordsOf({ words, afterWord }: DocumentedCommand): {
  readonly word: string;
  readonly what: string;
  readonly offer: Offer;
}[] {
  return words.map(([word, what]) => ({ word, what, offer: OFFERS[afterWord ?? ''] ?? [] }));
}

/** `--lines` and `-n` */
export function namesOf({ long, short }: DocumentedOption): string[] {
  return short === undefined ? [long] : [long, short];
}

/** Every option once, whichever commands have it. */
export function allOptions(program: DocumentedProgram): DocumentedOption[] {
  const all = [...program.options, ...program.commands.flatMap((command) => command.options)];
  return all.filter((option, index) => all.findIndex((one) => one.long === option.long) === index);
}

/** The options that swallow the next word. */
export function valueOptions(program: DocumentedProgram): string[] {
  return allOptions(program)
    .filter((option) => option.value !== undefined)
    .flatMap(namesOf);
}

/** Commands that have others below them, each with those. */
export function groups(commands: readonly DocumentedCommand[]): [string, DocumentedCommand[]][] {
  const found = new Map<string, DocumentedCommand[]>();
  for (const command of commands) {
    const [group = '', sub] = command.name.split(' ');
    if (sub !== undefined) found.set(group, [...(found.get(group) ?? []), command]);
  }
  return [...found];
}

export function lastWord({ name }: DocumentedCommand): string {
  return name.split(' ').at(-1) ?? '';
}

/** The first words of all calls, each with what it is about. */
export function firstWords(commands: readonly DocumentedCommand[]): [string, string][] {
  const names = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))];
  return names.map((name) => {
    const own = commands.find((command) => command.name === name);
    const below = commands.filter((command) => command.name.startsWith(`${name} `)).map(lastWord);
    return [name, own?.description ?? below.join(', ')];
  });
}
