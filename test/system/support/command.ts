// Runs a command of the test harness on the machine itself and gives back what it printed.

import { execFile } from 'node:child_process';

// Long listings (a package's file list, apt's records) are a few MiB at most.
const OUTPUT_LIMIT = 64 * 1024 * 1024;

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

export class CommandError extends Error {
  readonly stderr: string;

  constructor(argv: readonly string[], cause: Error, stderr: string) {
    super(`${argv.join(' ')}: ${stderr.trim() || cause.message}`, { cause });
    this.name = 'CommandError';
    this.stderr = stderr;
  }
}

export function command(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      rest,
      { maxBuffer: OUTPUT_LIMIT, ...options, env: options.env ?? { ...process.env, LC_ALL: 'C.UTF-8' } },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new CommandError(argv, error, stderr));
      },
    );
  });
}
