// The completion for bash, made from the command line's own definitions.
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';
import {
  allOptions,
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

export function bashCompletion(program: DocumentedProgram): string {
  const { commands, options } = program;
  const below = new Map(groups(commands));
  return [
    '# Completes ttkmdctl in bash.',
    '_ttkmdctl() {',
    '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" word skip="" index',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    '    word=${COMP_WORDS[index]}',
    '    if [[ $skip ]]; then skip=""; continue; fi',
    '    case $word in',
    `      ${valueOptions(program).join('|')}) skip=1 ;;`,
    '      -*) ;;',
    '      *) command="${command:+$command }$word" ;;',
    '    esac',
    '  done',
    '  case $prev in',
    ...allOptions(program).flatMap(valueLine),
    '  esac',
    '  local words=""',
    '  case $command in',
    // What can be called can be asked the help of.
    `    ""|help) words="${firstWords(commands)
      .map(([name]) => name)
      .join(' ')}" ;;`,
    ...[...below].map(([group, inside]) => {
      const own = commands.find((command) => command.name === group);
      return `    ${group}|"help ${group}") words="${[...inside.map(lastWord), ...longs(own)].join(' ')}" ;;`;
    }),
    ...commands.filter((command) => !command.takesCommand && !below.has(command.name)).flatMap(commandLines),
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
  const words = wordsOf(command);
  const options = longs(command).join(' ');
  const releases = command.takesRelease ? `; [[ $cur == -* ]] || words=$(${RELEASES})` : '';
  if (words.length === 0) return [`    "${name}"|"${name} "*) words="${options}"${releases} ;;`];
  return [
    `    "${name}") words="${words.map(({ word }) => word).join(' ')} ${options}" ;;`,
    ...words.map(
      ({ word, offer }) =>
        `    "${name} ${word}") words="${options}"; [[ $cur == -* ]] || { ${generated(offer)} } ;;`,
    ),
    `    "${name} "*) words="${options}" ;;`,
  ];
}

function valueLine(option: DocumentedOption): string[] {
  if (option.value === undefined) return [];
  return [`    ${namesOf(option).join('|')}) ${generated(offerOf(option))} ;;`];
}

function generated(offer: Offer): string {
  const asked =
    offer === 'releases'
      ? `-W "$(${RELEASES})"`
      : offer === 'files'
        ? '-f'
        : offer === 'folders'
          ? '-d'
          : `-W "${offer.join(' ')}"`;
  // So that a folder is gone on with, and a blank in a name is quoted.
  const names = offer === 'files' || offer === 'folders' ? 'compopt -o filenames 2>/dev/null; ' : '';
  return `${names}mapfile -t COMPREPLY < <(compgen ${asked} -- "$cur"); return;`;
}

function longs(command: DocumentedCommand | undefined): string[] {
  return command?.options.map(({ long }) => long) ?? [];
}
