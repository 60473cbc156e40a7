// The completion for zsh, made from the command line's own definitions.
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';
import {
  firstWords,
  groups,
  lastWord,
  namesOf,
  type Offer,
  offerOf,
  RELEASES,
  valueOptions,
  wordsOf,
} from './completion-words.ts';

const ZSH_RELEASES = `(\${(f)"$(${RELEASES})"})`;

export function zshCompletion(program: DocumentedProgram): string {
  const { commands } = program;
  const below = new Map(groups(commands));
  return [
    '#compdef ttkmdctl',
    '# Completes ttkmdctl in zsh.',
    '_ttkmdctl() {',
    '  local -a commands',
    '  local called word skip',
    '  for word in ${words[2,CURRENT-1]}; do',
    '    if [[ -n $skip ]]; then skip=; continue; fi',
    '    case $word in',
    `      (${valueOptions(program).join('|')}) skip=1 ;;`,
    '      (-*) ;;',
    '      (*) called="${called:+$called }$word" ;;',
    '    esac',
    '  done',
    '  case $called in',
    `    (''|help) ${either(firstWords(commands), argumentsOf(program, []))} ;;`,
    ...[...below].map(([group, inside]) => {
      const pairs = inside.map((one) => [lastWord(one), one.description] as const);
      const own = commands.find(({ name }) => name === group)?.options ?? [];
      return `    (${group}|'help ${group}') ${either(pairs, argumentsOf(program, own))} ;;`;
    }),
    ...commands
      .filter((command) => !command.takesCommand && !below.has(command.name))
      .flatMap((command) => commandLines(program, command)),
    '  esac',
    '}',
    '_ttkmdctl "$@"',
    '',
  ].join('\n');
}

function commandLines(program: DocumentedProgram, command: DocumentedCommand): string[] {
  const { name, options, takesRelease } = command;
  const words = wordsOf(command);
  const offered = takesRelease ? ZSH_RELEASES : ' ';
  const rest = argumentsOf(program, options, offered);
  if (words.length === 0) return [`    ('${name}'|'${name} '*) ${rest} ;;`];
  const pairs = words.map(({ word, what }) => [word, what] as const);
  return [
    `    ('${name}') ${either(pairs, rest)} ;;`,
    ...words.map(
      ({ word, offer }) => `    ('${name} ${word}') ${argumentsOf(program, options, generated(offer))} ;;`,
    ),
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
  const value = option.value === undefined ? '' : `:${option.value}:${valueText(option)}`;
  return namesOf(option).map((name) => `'${name}[${text}]${value}'`);
}

function valueText(option: DocumentedOption): string {
  return generated(offerOf(option));
}

function generated(offer: Offer): string {
  if (offer === 'releases') return ZSH_RELEASES;
  if (offer === 'files') return '_files';
  if (offer === 'folders') return '_files -/';
  return offer.length === 0 ? ' ' : `(${offer.join(' ')})`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}
