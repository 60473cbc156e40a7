// What many sandboxes begin with is made once in a run of the tests, in a sandbox of its own, and lies below the others.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { locked } from './lock.ts';
import { PROJECT } from './project.ts';
import { Sandbox } from './sandbox.ts';
import type { SandboxOptions } from './sandbox-options.ts';

const FOLDER = join(PROJECT, 'build/layers');

/** By whom the workers of a run are told where its layers are: the program differs from run to run. */
const VARIABLE = 'TTKMD_TEST_LAYERS';

// A build takes seconds, on a busy machine a minute.
const LOCK_SECONDS = 240;

/** For the global set-up. @returns what takes them away again */
export async function beginLayers(): Promise<() => Promise<void>> {
  await mkdir(FOLDER, { recursive: true });
  // Of runs that were killed.
  for (const name of await readdir(FOLDER)) {
    if (!existsSync(`/proc/${name.split('-')[0]}`)) await rm(join(FOLDER, name), { recursive: true });
  }
  const folder = await mkdtemp(join(FOLDER, `${process.pid}-`));
  process.env[VARIABLE] = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/**
 * @param name what makes it another one than others
 * @param fill brings the sandbox that it is to be told from into the state that is wanted
 * @returns its folder
 */
export async function layer(
  name: string,
  options: SandboxOptions,
  fill: (sandbox: Sandbox) => Promise<void>,
): Promise<string> {
  const root = process.env[VARIABLE];
  if (root === undefined) throw new Error('no layers are kept here: the global set-up has not run');
  const folder = join(root, name);
  return locked(`${folder}.lock`, LOCK_SECONDS, async () => {
    if (existsSync(folder)) return folder;
    const draft = `${folder}.new`;
    await using sandbox = await Sandbox.create(options);
    await fill(sandbox);
    await sandbox.saveLayer(draft);
    await rename(draft, folder);
    return folder;
  });
}

/** What tells layers for one machine from those for another. */
export function nameOf({ dkms, tree, dkmsHooks, kernels }: SandboxOptions): string {
  return [dkms.version, tree, dkmsHooks, ...(kernels ?? []).map(({ release }) => release)].join('_');
}
