// Before the system tests: the parts they are made of, and the program they test.

import { command } from './command.ts';
import { ensureParts } from './parts.ts';
import { PROJECT } from './project.ts';

export async function setup(): Promise<void> {
  await ensureParts((line) => console.log(`system tests: ${line}`));
  await command(['npm', 'run', '--silent', 'build'], { cwd: PROJECT });
}
