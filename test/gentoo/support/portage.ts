// The real Portage and pkgcheck, from PyPI, in .cache/gentoo: never installed on the machine.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../../system/support/command.ts';
import { locked } from '../../system/support/lock.ts';
import { CACHE } from '../../system/support/project.ts';

const FOLDER = join(CACHE, 'gentoo');
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

// Raised when what is made below changes, so that older caches are made anew.
const LAYOUT = 1;

// A download and half a minute of unpacking; a second asker waits for it.
const LOCK_SECONDS = 600;

/** The folder of the virtual environment; another one when the requirements change. */
function folder(): string {
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12);
  return join(FOLDER, `portage-${LAYOUT}-${wanted}`);
}

/** The virtual environment that the global set-up made. */
export async function portageFolder(): Promise<string> {
  return realpath(folder());
}

/** Makes sure that it is there. */
export async function ensurePortage(log: (line: string) => void): Promise<void> {
  await locked(join(FOLDER, 'lock'), LOCK_SECONDS, async () => {
    if (existsSync(folder())) return;
    log('fetching Portage and pkgcheck');
    // A virtual environment knows its own place, so it is made where it stays, and named when it is whole.
    const place = join(await realpath(FOLDER), 'environments', String(Date.now()));
    await command(['/usr/bin/python3', '-m', 'venv', place]);
    await command([join(place, 'bin/pip'), 'install', '--quiet', '--requirement', REQUIREMENTS]);
    await runAsCheckout(place);
    await rm(`${folder()}.new`, { force: true });
    await symlink(place, `${folder()}.new`);
    await rename(`${folder()}.new`, folder());
  });
}

/**
 * In a virtual environment Portage takes that for its prefix, and would look after packages there. Told that it
 * runs from its sources, it looks after the whole root.
 */
async function runAsCheckout(place: string): Promise<void> {
  const [python = ''] = (await readdir(join(place, 'lib'))).filter((name) => name.startsWith('python3'));
  const lib = join(place, 'lib', python);
  const file = join(lib, 'site-packages/portage/installation.py');
  const text = await readFile(file, 'utf8');
  const changed = text.replace('if "MODULE" == "MODULE":', 'if "SOURCE" == "MODULE":');
  if (changed === text)
    throw new Error(`${file} is not as expected: does this Portage differ from the one in requirements.txt?`);
  await writeFile(file, changed);
  await symlink('../portage/bin', join(lib, 'bin'));
}
