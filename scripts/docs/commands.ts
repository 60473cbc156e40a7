// The command line as plain data, read off its own definitions.
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { WAYS } from '../../src/kernel-events/way.ts';

export interface DocumentedOption {
  /** `-n, --lines <count>` */
  readonly flags: string;
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  /** What stands behind it, by its name: `release`; undefined where nothing does. */
  readonly value: string | undefined;
  /** What holds where it is not given, as it would be written. */
  readonly default: string | undefined;
  readonly choices: readonly string[];
}

export interface DocumentedCommand {
  /** The words behind the program's name, e.g. `config show`. */
  readonly name: string;
  readonly description: string;
  /** As they are written in a usage line. */
  readonly args: string;
  /** What each argument is. */
  readonly arguments: readonly (readonly [name: string, what: string])[];
  readonly takesRelease: boolean;
  /** What its first argument can be, each with what it does, where that is a word of a few. */
  readonly words: readonly (readonly [word: string, what: string])[];
  /** The argument behind such a word, by its name. */
  readonly afterWord: string | undefined;
  /** Its arguments are a command's words. */
  readonly takesCommand: boolean;
  readonly options: readonly DocumentedOption[];
}

export interface DocumentedProgram {
  readonly name: string;
  readonly description: string;
  readonly version: string;
  readonly options: readonly DocumentedOption[];
  readonly commands: readonly DocumentedCommand[];
}

/** All commands that people are meant to call, in the order of the help. */
export function documentedProgram(): DocumentedProgram {
  const nothing = async (): Promise<number> => 0;
  const program = createProgram(
    { kernelEvent: { ways: WAYS, run: nothing }, daemon: { run: nothing } },
    () => {},
  );
  return {
    name: program.name(),
    description: program.description(),
    version: program.version() ?? '',
    options: optionsOf(program),
    commands: leavesOf(program, ''),
  };
}

function leavesOf(command: Command, prefix: string): DocumentedCommand[] {
  const visible = command.createHelp().visibleCommands(command);
  return visible.flatMap((one) => {
    const name = `${prefix}${one.name()}`;
    if (one.commands.length === 0) return [leaf(one, name)];
    // One that takes options can be called by itself, too.
    return [...(one.options.length > 0 ? [leaf(one, name)] : []), ...leavesOf(one, `${name} `)];
  });
}

function leaf(command: Command, name: string): DocumentedCommand {
  const args = command.registeredArguments.map((arg) => {
    const name = `${arg.name()}${arg.variadic ? '...' : ''}`;
    return arg.required ? `<${name}>` : `[${name}]`;
  });
  const [first, second] = command.registeredArguments;
  return {
    name,
    description: command.description(),
    args: args.join(' '),
    arguments: command.registeredArguments.map((arg) => [arg.name(), arg.description]),
    takesRelease: command.registeredArguments.some((arg) => arg.name() === 'release'),
    words: (first?.argChoices ?? []).map((word) => [word, whatOf(word, first?.description ?? '')]),
    afterWord: second?.name(),
    takesCommand: command.registeredArguments.some((arg) => arg.name() === 'command'),
    options: optionsOf(command),
  };
}

/** From `fetch: fill a folder; sweep: empty it`. */
function whatOf(word: string, description: string): string {
  const found = description.split('; ').find((part) => part.startsWith(`${word}: `));
  return (found ?? description).replace(`${word}: `, '');
}

function optionsOf(command: Command): DocumentedOption[] {
  return command.options
    .filter((option) => !option.hidden)
    .map((option) => ({
      flags: option.flags,
      long: option.long ?? '',
      short: option.short,
      description: option.description,
      value: option.flags.match(/[<[](.*)[>\]]$/)?.[1],
      default: option.defaultValue === undefined ? undefined : String(option.defaultValue),
      choices: option.argChoices ?? [],
    }));
}
