// The completion for fish, made from the command line's own definitions.
import type { DocumentedOption, DocumentedProgram } from './commands.ts';
import {
  completionWords,
  lastWord,
  type OfferForms,
  offered,
  RELEASES,
  wordsOf,
} from './completion-words.ts';

const FORMS: OfferForms = {
  releases: ` -x -a '(${RELEASES})'`,
  files: ' -r -F',
  folders: ` -x -a '(__fish_complete_directories)'`,
  words: (words) => (words.length === 0 ? ' -x' : ` -x -a ${quote(words.join(' '))}`),
};

export function fishCompletion(program: DocumentedProgram): string {
  const { commands } = program;
  const { first, below, valueOptions } = completionWords(program);
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
    `      case ${valueOptions.join(' ')}`,
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
    ...first.map(([name, text]) => line(["''", 'help'], `-a ${name} -d ${quote(text)}`)),
    ...[...below].flatMap(([group, inside]) =>
      inside.map((one) =>
        line([group, `'help ${group}'`], `-a ${lastWord(one)} -d ${quote(one.description)}`),
      ),
    ),
    ...commands.flatMap((command) => {
      const { name, options, takesRelease } = command;
      // With what stands behind it, where nothing else begins so.
      const places = below.has(name) ? [name] : [`'${name}'`, `'${name} *'`];
      return [
        ...wordsOf(command, FORMS).flatMap(({ word, what, behind }) => [
          line([name], `-a ${word} -d ${quote(what)}`),
          line([`'${name} ${word}'`], behind.trimStart()),
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
  const value = option.value === undefined ? '' : offered(option, FORMS);
  return `-l ${option.long.slice(2)}${short}${value} -d ${quote(option.description)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
