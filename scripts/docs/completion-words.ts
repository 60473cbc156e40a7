// What the completions of all shells offer: commands, options, and what stands behind an option.
import { STEP_NAMES } from '../../src/bootstrap/choices.ts';
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';

/** What a program's words come to, whatever the shell. */
export interface CompletionWords {
  /** Every option once, whichever commands have it. */
  readonly options: readonly DocumentedOption[];
  /** The options that swallow the next word. */
  readonly valueOptions: readonly string[];
  /** The first words of all calls, each with what it is about. */
  readonly first: readonly (readonly [string, string])[];
  /** Commands that have others below them, each with those. */
  readonly below: ReadonlyMap<string, readonly DocumentedCommand[]>;
  /** Commands that end a call. */
  readonly last: readonly DocumentedCommand[];
}

/** What each shell calls it that can stand behind an option. */
export interface OfferForms {
  readonly releases: string;
  readonly files: string;
  readonly folders: string;
  readonly words: (words: readonly string[]) => string;
}

export function completionWords(program: DocumentedProgram): CompletionWords {
  const { commands } = program;
  const options = allOptions(program);
  const below = groups(commands);
  return {
    options,
    valueOptions: options.filter(({ value }) => value !== undefined).flatMap(namesOf),
    first: firstWords(commands),
    below,
    last: commands.filter(({ name, takesCommand }) => !takesCommand && !below.has(name)),
  };
}

/** Releases are the folders in /lib/modules. An alias of ls may print more than names. */
export const RELEASES = 'command ls /lib/modules 2>/dev/null';

/** What can stand behind an option. */
type Offer = 'releases' | 'files' | 'folders' | readonly string[];

const OFFERS: Readonly<Record<string, Offer>> = {
  release: 'releases',
  dir: 'folders',
  folder: 'folders',
  file: 'files',
  source: 'files',
  place: 'files',
  steps: STEP_NAMES,
};

/** What can stand behind an option, as a shell is told of it. */
export function offered({ choices, value }: DocumentedOption, forms: OfferForms): string {
  return formOf(choices.length > 0 ? choices : (OFFERS[value ?? ''] ?? []), forms);
}

/** Commands whose first argument is a word of a few: each word, and what can stand behind it, as a shell is told. */
export function wordsOf(
  { words, afterWord }: DocumentedCommand,
  forms: OfferForms,
): { readonly word: string; readonly what: string; readonly behind: string }[] {
  return words.map(([word, what]) => ({ word, what, behind: formOf(OFFERS[afterWord ?? ''] ?? [], forms) }));
}

function formOf(offer: Offer, forms: OfferForms): string {
  return typeof offer === 'string' ? forms[offer] : forms.words(offer);
}

/** `--lines` and `-n` */
export function namesOf({ long, short }: DocumentedOption): string[] {
  return short === undefined ? [long] : [long, short];
}

function allOptions(program: DocumentedProgram): DocumentedOption[] {
  const all = [...program.options, ...program.commands.flatMap((command) => command.options)];
  return all.filter((option, index) => all.findIndex((one) => one.long === option.long) === index);
}

function groups(commands: readonly DocumentedCommand[]): Map<string, DocumentedCommand[]> {
  const found = new Map<string, DocumentedCommand[]>();
  for (const command of commands) {
    const [group = '', sub] = command.name.split(' ');
    if (sub !== undefined) found.set(group, [...(found.get(group) ?? []), command]);
  }
  return found;
}

export function lastWord({ name }: DocumentedCommand): string {
  return name.split(' ').at(-1) ?? '';
}

function firstWords(commands: readonly DocumentedCommand[]): [string, string][] {
  const names = [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))];
  return names.map((name) => {
    const own = commands.find((command) => command.name === name);
    const below = commands.filter((command) => command.name.startsWith(`${name} `)).map(lastWord);
    return [name, own?.description ?? below.join(', ')];
  });
}
