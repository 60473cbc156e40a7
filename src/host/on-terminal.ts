// Runs a command that talks to the person at the terminal, such as one that asks for a password.
import { spawn } from 'node:child_process';
import { BASE_ENVIRONMENT } from './environment.ts';

/** Gives its exit status, 127 where it could not be started. What is typed goes past us. */
export function runOnTerminal(command: string, args: readonly string[]): Promise<number> {
  const { TERM = 'dumb' } = process.env;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: '/',
      env: { ...BASE_ENVIRONMENT, TERM },
      stdio: 'inherit',
    });
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 137));
  });
}
