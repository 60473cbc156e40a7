// The completion for zsh, made from the command line's own definitions.
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';
import {
  completionWords,
  lastWord,
  namesOf,
  type OfferForms,
  offered,
  RELEASES,
  wordsOf,
} from './completion-words.ts';

const FORMS: OfferForms = {
  releases: `(\${(f)"$(${RELEASES})"})`,
  files: '_files',
  folders: '_files -/',
  words: (words) => (words.length === 0 ? ' ' : `(${words.join(' ')})`),
};

export function zshCompletion(program: DocumentedProgram): string {
  const { commands } = program;
  const { first, below, last, valueOptions } = completionWords(program);
  return [
    '#compdef ttkmdctl',
    '# Completes ttkmdctl in zsh.',
    '_ttkmdctl() {',
    '  local -a commands',
    '  local called word skip',
    '  for word in ${words[2,CURRENT-1]}; do',
    '    if [[ -n $skip ]]; then skip=; continue; fi',
    '    case $word in',
    `      (${valueOptions.join('|')}) skip=1 ;;`,
    '      (-*) ;;',
    '      (*) called="${called:+$called }$word" ;;',
    '    esac',
    '  done',
    '  case $called in',
    `    (''|help) ${either(first, argumentsOf(program, []))} ;;`,
    ...[...below].map(([group, inside]) => {
      const pairs = inside.map((one) => [lastWord(one), one.description] as const);
      const own = commands.find(({ name }) => name === group)?.options ?? [];
      return `    (${group}|'help ${group}') ${either(pairs, argumentsOf(program, own))} ;;`;
    }),
    ...last.flatMap((command) => commandLines(program, command)),
    '  esac',
    '}',
    '_ttkmdctl "$@"',
    '',
  ].join('\n');
}

function commandLines(program: DocumentedProgram, command: DocumentedCommand): string[] {
  const { name, options, takesRelease } = command;
  const words = wordsOf(command, FORMS);
  const rest = argumentsOf(program, options, takesRelease ? FORMS.releases : ' ');
  if (words.length === 0) return [`    ('${name}'|'${name} '*) ${rest} ;;`];
  const pairs = words.map(({ word, what }) => [word, what] as const);
  return [
    `    ('${name}') ${either(pairs, rest)} ;;`,
    ...words.map(({ word, behind }) => `    ('${name} ${word}') ${argumentsOf(program, options, behind)} ;;`),
    `    ('${name} '*) ${rest} ;;`,
  ];
}

/** @param offered for words that are no options: without any of these, what follows a command would not be completed */
function argumentsOf(
  program: DocumentedProgram,
  options: readonly DocumentedOption[],
  offered = ' ',
): string {
  const texts = [...options, ...program.options].flatMap(optionTexts);
  return `_arguments ${texts.join(' ')} '*: :${offered}'`;
}

/** Words, and options: where only the words fit, zsh would beep for want of an option. */
function either(pairs: readonly (readonly [string, string])[], options: string): string {
  return `commands=(${described(pairs)}); _describe command commands; word=$?; ${options} || return $word`;
}

function described(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([name, text]) => `'${name}:${quoted(text).replaceAll(':', '\\:')}'`).join(' ');
}

function optionTexts(option: DocumentedOption): string[] {
  const text = quoted(option.description).replace(/[[\]]/g, '');
  const value = option.value === undefined ? '' : `:${option.value}:${offered(option, FORMS)}`;
  return namesOf(option).map((name) => `'${name}[${text}]${value}'`);
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}
