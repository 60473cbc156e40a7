// The command line's definitions, from which help, man page and completions are made too. Commands are loaded
// when they are called: most of the start-up time would else go into code that is not needed.
import { type Command, Command as CommanderCommand } from 'commander';
import { EXIT } from '../host/errors.ts';
import type { Options, Parts } from './commands/command.ts';
import { addInternals } from './commands/internals.ts';
import { addLooks } from './commands/looks.ts';
import { addBootstrap, addConfig, addDoctor, addHooks, addService } from './commands/machine.ts';
import { addDriver, addHugepages, addSigning, addWork } from './commands/work.ts';
import { exitStatusHelp } from './exit-statuses.ts';
import { VERSION } from './version.ts';

/**
 * The whole command line.
 * @param done is given the exit status of the command that ran
 */
export function createProgram(parts: Parts, done: (status: number) => void): Command {
  const program = new CommanderCommand('ttkmdctl')
    .description("Keeps Tenstorrent's kernel driver working through every kernel change.")
    .version(VERSION, '-V, --version', 'print the version')
    .option('--root <dir>', 'work on the system in this folder instead of the running one', '/')
    .configureHelp({ showGlobalOptions: true })
    .helpOption('-h, --help', 'print the help')
    .addHelpText('after', () => `\n${exitStatusHelp()}`)
    // What is wrong with a call is said by us, with a next step.
    .configureOutput({ writeErr() {} })
    .exitOverride();
  // Commander repeats every option in a call's arguments; what a command gets is its arguments and all options.
  const run =
    (command: (args: string[], options: Options) => Promise<number>) =>
    async (...given: unknown[]): Promise<void> => {
      const self = given.at(-1) as Command;
      done(await command(self.args, self.optsWithGlobals<Options>()));
    };

  addLooks(program, run);
  addWork(program, run);
  addBootstrap(program, run);
  addDoctor(program, run);
  addHugepages(program, run);
  addDriver(program, run);
  addSigning(program, run);
  addConfig(program, run);
  addHooks(program, run);
  addService(program, run);
  addInternals(program, run, parts);
  addHelp(program, done);
  return program;
}

function addHelp(program: Command, done: (status: number) => void): void {
  program
    .command('help')
    .description('print the help of a command')
    .argument('[command...]', 'the command, e.g. config show')
    .action(async (words: string[]) => {
      const { namedCommand } = await import('./usage.ts');
      namedCommand(program, words).outputHelp();
      done(EXIT.ok);
    });
}
