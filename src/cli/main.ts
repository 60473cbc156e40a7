// The command line's front door: parses, runs one command, and turns what goes wrong into words and a status.
import { CommanderError } from 'commander';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { outliveOutput } from '../host/lost-output.ts';
import type { Parts } from './commands/command.ts';
import { createProgram } from './program.ts';

/**
 * Runs `ttkmdctl` with its arguments.
 * @returns the exit status
 */
export async function main(args: readonly string[], parts: Parts): Promise<number> {
  process.title = 'ttkmdctl';
  const lostOutput = outliveOutput(args[0]);
  let status: number = EXIT.ok;
  const program = createProgram(parts, (result) => {
    status = result;
  });
  /** What else is wrong counts more than that its words were lost. */
  const heard = async (result: number): Promise<number> => {
    const lost = await lostOutput();
    const explained = lost === undefined ? EXIT.ok : explain(lost);
    return result === EXIT.ok ? explained : result;
  };
  try {
    await program.parseAsync([...args], { from: 'user' });
    return await heard(status);
  } catch (error) {
    if (!(error instanceof CommanderError)) return explain(error);
    if (error.exitCode === 0) return heard(EXIT.ok);
    const { usageError } = await import('./usage.ts');
    return explain(usageError(program, args, error));
  }
}

function explain(error: unknown): number {
  if (error instanceof TtkmdError) {
    process.stderr.write(`ttkmdctl: ${error.message}\n  → ${error.hint}\n`);
    return error.exitStatus;
  }
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    process.stderr.write(`ttkmdctl: ${message}\n  → run it as root\n`);
    return EXIT.rights;
  }
  process.stderr.write(`ttkmdctl: ${message}\n`);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EROFS') {
    process.stderr.write('  → make room, or mount that file system writable, and run it again\n');
  } else {
    process.stderr.write(
      `  → this should not have happened; please report it with these lines:\n${stack ?? ''}\n`,
    );
  }
  return EXIT.stepFailed;
}
