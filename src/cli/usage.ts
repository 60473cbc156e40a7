// Calls that make no sense, in words with a next step; and the help of any command by its words.
import type { Command, CommanderError } from 'commander';
import { nearest } from '../config/nearest.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';

/** Commander's complaint about a call, as an error of ours. */
export function usageError(program: Command, args: readonly string[], error: CommanderError): TtkmdError {
  const { command, name } = calledCommand(program, args);
  const help = name === '' ? 'ttkmdctl help' : `ttkmdctl help ${name}`;
  if (error.code === 'commander.help') {
    const names = command
      .createHelp()
      .visibleCommands(command)
      .map((one) => one.name());
    const who = name === '' ? 'a command is missing' : `${name} needs to be told what`;
    return usage(`${who}: ${names.join(', ')}`, `what each of them does: ${help}`);
  }
  const [complaint = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = suggestion?.match(/^\(Did you mean (?:one of )?(.*)\?\)$/)?.[1]?.replaceAll(', ', ' or ');
  const next = name === '' ? `all commands: ${help}` : `what it takes: ${help}`;
  return usage(
    complaint.replace(/\.$/, ''),
    meant === undefined ? next : `did you mean ${meant}? ${capital(next)}`,
  );
}

/**
 * The command that some words name, such as `config show`.
 * @throws TtkmdError where there is none
 */
export function namedCommand(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const [index, word] of words.entries()) {
    const found = command.commands.find((one) => one.name() === word);
    if (found === undefined) throw unknownCommand(command, words.slice(0, index), word);
    command = found;
  }
  return command;
}

function unknownCommand(parent: Command, before: readonly string[], word: string): TtkmdError {
  const known = parent
    .createHelp()
    .visibleCommands(parent)
    .map((one) => one.name());
  const meant = nearest(word, known);
  const path = ['ttkmdctl help', ...before].join(' ');
  return usage(
    `there is no command '${[...before, word].join(' ')}'`,
    meant === undefined ? `all commands: ${path}` : `did you mean ${meant}? Its help: ${path} ${meant}`,
  );
}

/** How far the words of a call lead; what comes behind are arguments. */
function calledCommand(program: Command, args: readonly string[]): { command: Command; name: string } {
  let command = program;
  const names: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? '';
    if (word === '--root') index += 1;
    if (word.startsWith('-')) continue;
    const found = command.commands.find((one) => one.name() === word);
    if (found === undefined) break;
    command = found;
    names.push(word);
  }
  return { command, name: names.join(' ') };
}

function usage(message: string, hint: string): TtkmdError {
  return new TtkmdError('usage', message, hint, EXIT.usage);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
