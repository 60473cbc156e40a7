// The completion for fish, made from the command line's own definitions.
import type { DocumentedOption, DocumentedProgram } from './commands.ts';
import {
  firstWords,
  groups,
  lastWord,
  type Offer,
  offerOf,
  RELEASES,
  valueOptions,
  wordsOf,
} from './completion-words.ts';

export function fishCompletion(program: DocumentedProgram): string {
  const { commands } = program;
  const below = groups(commands);
  return [
    '# Completes ttkmdctl in fish.',
    '',
    '# Whether the words before the cursor are one of these commands, whatever options are among them.',
    'function __ttkmdctl_at',
    '  set -l called',
    '  set -l skip no',
    '  for word in (commandline -opc)[2..-1]',
    '    if test $skip = yes',
    '      set skip no',
    '      continue',
    '    end',
    '    switch $word',
    `      case ${valueOptions(program).join(' ')}`,
    '        set skip yes',
    "      case '-*'",
    "      case '*'",
    '        set -a called $word',
    '    end',
    '  end',
    '  for command in $argv',
    '    string match -q -- $command "$called"; and return 0',
    '  end',
    '  return 1',
    'end',
    '',
    'complete -c ttkmdctl -f',
    ...firstWords(commands).map(([name, text]) => line(["''", 'help'], `-a ${name} -d ${quote(text)}`)),
    ...below.flatMap(([group, inside]) =>
      inside.map((one) =>
        line([group, `'help ${group}'`], `-a ${lastWord(one)} -d ${quote(one.description)}`),
      ),
    ),
    ...commands.flatMap((command) => {
      const { name, options, takesRelease } = command;
      // With what stands behind it, where nothing else begins so.
      const places = below.some(([group]) => group === name) ? [name] : [`'${name}'`, `'${name} *'`];
      return [
        ...wordsOf(command).flatMap(({ word, what, offer }) => [
          line([name], `-a ${word} -d ${quote(what)}`),
          line([`'${name} ${word}'`], offered(offer)),
        ]),
        ...(takesRelease ? [line(places, `-a '(${RELEASES})'`)] : []),
        ...options.map((option) => line(places, optionText(option))),
      ];
    }),
    ...program.options.map((option) => `complete -c ttkmdctl ${optionText(option)}`),
    '',
  ].join('\n');
}

function line(places: readonly string[], rest: string): string {
  return `complete -c ttkmdctl -n ${quote(`__ttkmdctl_at ${places.join(' ')}`)} ${rest}`;
}

function optionText(option: DocumentedOption): string {
  const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
  const value = option.value === undefined ? '' : valueText(option);
  return `-l ${option.long.slice(2)}${short}${value} -d ${quote(option.description)}`;
}

function valueText(option: DocumentedOption): string {
  return ` ${offered(offerOf(option))}`;
}

function offered(offer: Offer): string {
  if (offer === 'releases') return `-x -a '(${RELEASES})'`;
  if (offer === 'files') return '-r -F';
  if (offer === 'folders') return `-x -a '(__fish_complete_directories)'`;
  return offer.length === 0 ? '-x' : `-x -a ${quote(offer.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
