// What a clone of this repository has, as it is worked on.

import { command } from './command.ts';
import { PROJECT } from './project.ts';

/** The paths of its files, below the repository's folder. */
export async function clonedFiles(): Promise<string[]> {
  const listed = await command(
    ['git', '-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: PROJECT },
  );
  return listed.split('\0').filter((name) => name !== '');
}
