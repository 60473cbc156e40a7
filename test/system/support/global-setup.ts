// Before the system tests: the parts they are made of, and the program they test.

import { command } from './command.ts';
import { beginLayers } from './layers.ts';
import { ensureParts } from './parts.ts';
import { PROJECT } from './project.ts';

/** @returns what clears away */
export async function setup(): Promise<() => Promise<void>> {
  await ensureParts((line) => console.log(`system tests: ${line}`));
  await command(['npm', 'run', '--silent', 'build'], { cwd: PROJECT });
  return beginLayers();
}
