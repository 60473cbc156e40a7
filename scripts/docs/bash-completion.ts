// The completion for bash, made from the command line's own definitions.
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

// So that a folder is gone on with, and a blank in a name is quoted.
const FILE_NAMES = 'compopt -o filenames 2>/dev/null; ';

const FORMS: OfferForms = {
  releases: reply(`-W "$(${RELEASES})"`),
  files: `${FILE_NAMES}${reply('-f')}`,
  folders: `${FILE_NAMES}${reply('-d')}`,
  words: (words) => reply(`-W "${words.join(' ')}"`),
};

export function bashCompletion(program: DocumentedProgram): string {
  const { commands, options } = program;
  const words = completionWords(program);
  return [
    '# Completes ttkmdctl in bash.',
    '_ttkmdctl() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" word skip="" index',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    '    word=${COMP_WORDS[index]}',
    '    if [[ $skip ]]; then skip=""; continue; fi',
    '    case $word in',
    `      ${words.valueOptions.join('|')}) skip=1 ;;`,
    '      -*) ;;',
    '      *) command="${command:+$command }$word" ;;',
    '    esac',
    '  done',
    '  case $prev in',
    ...words.options.flatMap(valueLine),
    '  esac',
    '  local words=""',
    '  case $command in',
    // What can be called can be asked the help of.
    `    ""|help) words="${words.first.map(([name]) => name).join(' ')}" ;;`,
    ...[...words.below].map(([group, inside]) => {
      const own = commands.find((command) => command.name === group);
      return `    ${group}|"help ${group}") words="${[...inside.map(lastWord), ...longs(own)].join(' ')}" ;;`;
    }),
    ...words.last.flatMap(commandLines),
    '  esac',
    `  [[ $cur == -* ]] && words="$words ${options.map(({ long }) => long).join(' ')} --help"`,
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")',
    '}',
    'complete -F _ttkmdctl ttkmdctl',
    '',
  ].join('\n');
}

function commandLines(command: DocumentedCommand): string[] {
  const { name } = command;
  const words = wordsOf(command, FORMS);
  const options = longs(command).join(' ');
  const releases = command.takesRelease ? `; [[ $cur == -* ]] || words=$(${RELEASES})` : '';
  if (words.length === 0) return [`    "${name}"|"${name} "*) words="${options}"${releases} ;;`];
  return [
    `    "${name}") words="${words.map(({ word }) => word).join(' ')} ${options}" ;;`,
    ...words.map(
      ({ word, behind }) =>
        `    "${name} ${word}") words="${options}"; [[ $cur == -* ]] || { ${behind}; return; } ;;`,
    ),
    `    "${name} "*) words="${options}" ;;`,
  ];
}

function valueLine(option: DocumentedOption): string[] {
  if (option.value === undefined) return [];
  return [`    ${namesOf(option).join('|')}) ${offered(option, FORMS)}; return ;;`];
}

function reply(asked: string): string {
  return `mapfile -t COMPREPLY < <(compgen ${asked} -- "$cur")`;
}

function longs(command: DocumentedCommand | undefined): string[] {
  return command?.options.map(({ long }) => long) ?? [];
}
