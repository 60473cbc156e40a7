// Shell completions, made from the command line's own definitions.
import type { DocumentedCommand, DocumentedOption, DocumentedProgram } from './commands.ts';

/** Releases are the folders in /lib/modules: reading them needs no program, and is there at once. */
const RELEASES = 'cd /lib/modules 2>/dev/null && printf "%s\\n" */';

const FISH_RELEASES = '(cd /lib/modules 2>/dev/null; and printf "%s\\n" */ | string trim -c /)';
const ZSH_RELEASES = `(\${(f)"$(${RELEASES} | tr -d /)"})`;

/** For bash. */
export function bashCompletion(program: DocumentedProgram): string {
  const { commands, options } = program;
  const groups = [...new Set(commands.map((command) => command.name.split(' ')[0] ?? ''))];
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
    ...allOptions(program).flatMap((option) => bashValue(option)),
    '  esac',
    '  local words=""',
    '  case $command in',
    // What can be called can be asked the help of.
    `    ""|help) words="${groups.join(' ')}" ;;`,
    ...subGroups(commands).map(
      ([group, names]) => `    ${group}|"help ${group}") words="${names.join(' ')}" ;;`,
    ),
    ...commands
      .filter((command) => !command.takesCommand)
      .map(
        (command) =>
          `    ${quotePattern(command.name)}) words="${longs(command.options).join(' ')}"${command.takesRelease ? `; [[ $cur == -* ]] || words=$(${RELEASES} | tr -d /)` : ''} ;;`,
      ),
    '  esac',
    `  [[ $cur == -* ]] && words="$words ${longs(options).join(' ')} --help"`,
    '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")',
    '}',
    'complete -F _ttkmdctl ttkmdctl',
    '',
  ].join('\n');
}

/** For zsh. */
export function zshCompletion(program: DocumentedProgram): string {
  const { commands } = program;
  const describe = (pairs: readonly (readonly [string, string])[]): string =>
    pairs
      .map(([name, text]) => `'${name}:${text.replaceAll("'", "'\\''").replaceAll(':', '\\:')}'`)
      .join(' ');
  const top = firstWords(commands);
  return [
    '#compdef ttkmdctl',
    '# Completes ttkmdctl in zsh.',
    '_ttkmdctl() {',
    '  local -a words_before commands',
    '  local command',
    '  words_before=(${${words[2,CURRENT-1]}:#-*})',
    '  command="${(j: :)words_before}"',
    '  case $command in',
    `    ''|help) commands=(${describe(top)}); _describe command commands ;;`,
    ...subGroups(commands).map(([group]) => {
      const inside = commands
        .filter((one) => one.name.startsWith(`${group} `))
        .map((one) => [one.name.slice(group.length + 1), one.description] as const);
      return `    '${group}'|'help ${group}') commands=(${describe(inside)}); _describe command commands ;;`;
    }),
    ...commands
      .filter((command) => !command.takesCommand)
      .map(
        (command) =>
          `    '${command.name}') _arguments ${[...command.options, ...program.options].map(zshOption).join(' ')}${command.takesRelease ? ` '*:release:${ZSH_RELEASES}'` : ''} ;;`,
      ),
    '  esac',
    '}',
    '_ttkmdctl "$@"',
    '',
  ].join('\n');
}

/** For fish. */
export function fishCompletion(program: DocumentedProgram): string {
  const { commands } = program;
  const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  const seen = (name: string): string => {
    const words = name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
    return quote(words.join('; and '));
  };
  const top = firstWords(commands);
  return [
    '# Completes ttkmdctl in fish.',
    'complete -c ttkmdctl -f',
    ...top.map(
      ([name, text]) => `complete -c ttkmdctl -n __fish_use_subcommand -a ${name} -d ${quote(text)}`,
    ),
    ...commands
      .filter((one) => one.name.includes(' '))
      .map((one) => {
        const [group = '', name = ''] = one.name.split(' ');
        return `complete -c ttkmdctl -n ${seen(group)} -a ${name} -d ${quote(one.description)}`;
      }),
    ...commands
      .filter((one) => one.takesCommand)
      .map(
        (one) => `complete -c ttkmdctl -n ${seen(one.name)} -a ${quote(top.map(([name]) => name).join(' '))}`,
      ),
    ...commands
      .filter((one) => one.takesRelease)
      .map((one) => `complete -c ttkmdctl -n ${seen(one.name)} -a ${quote(FISH_RELEASES)}`),
    ...commands.flatMap((one) =>
      one.options.map((option) => `complete -c ttkmdctl -n ${seen(one.name)} ${fishOption(option, quote)}`),
    ),
    ...program.options.map((option) => `complete -c ttkmdctl ${fishOption(option, quote)}`),
    '',
  ].join('\n');
}

function fishOption(option: DocumentedOption, quote: (text: string) => string): string {
  const offered = takesRelease(option) ? FISH_RELEASES : option.choices.join(' ');
  const choices = offered === '' ? '' : ` -a ${quote(offered)}`;
  const short = option.short === undefined ? '' : ` -s ${option.short.slice(1)}`;
  return `-l ${option.long.slice(2)}${short}${option.takesValue ? ' -x' : ''}${choices} -d ${quote(option.description)}`;
}

function zshOption(option: DocumentedOption): string {
  const text = option.description.replaceAll("'", "'\\''").replace(/[[\]]/g, '');
  const value = option.takesValue
    ? takesRelease(option)
      ? `:release:${ZSH_RELEASES}`
      : `:value:${option.choices.length > 0 ? `(${option.choices.join(' ')})` : option.long === '--root' || option.long === '--package' ? '_files -/' : ' '}`
    : '';
  return `'${option.long}[${text}]${value}'`;
}

function bashValue(option: DocumentedOption): string[] {
  const names = [option.long, ...(option.short === undefined ? [] : [option.short])].join('|');
  if (!option.takesValue) return [];
  if (option.choices.length > 0) {
    return [
      `    ${names}) mapfile -t COMPREPLY < <(compgen -W "${option.choices.join(' ')}" -- "$cur"); return ;;`,
    ];
  }
  if (takesRelease(option)) {
    return [
      `    ${names}) mapfile -t COMPREPLY < <(compgen -W "$(${RELEASES} | tr -d /)" -- "$cur"); return ;;`,
    ];
  }
  const folders = option.long === '--root' || option.long === '--package';
  return [`    ${names}) ${folders ? 'mapfile -t COMPREPLY < <(compgen -d -- "$cur"); ' : ''}return ;;`];
}

function takesRelease({ long }: DocumentedOption): boolean {
  return long === '--kernel';
}

function allOptions(program: DocumentedProgram): DocumentedOption[] {
  const all = [...program.options, ...program.commands.flatMap((command) => command.options)];
  return all.filter((option, index) => all.findIndex((one) => one.long === option.long) === index);
}

function valueOptions(program: DocumentedProgram): string[] {
  return allOptions(program)
    .filter((option) => option.takesValue)
    .flatMap((option) => [option.long, ...(option.short === undefined ? [] : [option.short])]);
}

function longs(options: readonly DocumentedOption[]): string[] {
  return options.map((option) => option.long);
}

function subGroups(commands: readonly DocumentedCommand[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const { name } of commands) {
    const [group = '', sub] = name.split(' ');
    if (sub !== undefined) groups.set(group, [...(groups.get(group) ?? []), sub]);
  }
  return [...groups];
}

function firstWords(commands: readonly DocumentedCommand[]): (readonly [string, string])[] {
  const groups = new Map(subGroups(commands));
  const top = commands
    .filter((one) => !one.name.includes(' '))
    .map((one) => [one.name, one.description] as const);
  return [...top, ...[...groups].map(([group, names]) => [group, names.join(', ')] as const)];
}

function quotePattern(name: string): string {
  return `"${name}"`;
}
