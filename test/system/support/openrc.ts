// OpenRC from Debian's archive: unpacked beside the other parts, and laid into a sandbox as if it had booted it.

import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listsMayBeOld, MACHINE_APT, unpack, updateLists } from './apt.ts';
import { CACHE } from './project.ts';
import type { Sandbox } from './sandbox.ts';

const FOLDER = join(CACHE, 'parts/openrc');
const PACKAGES = ['openrc', 'librc1', 'libeinfo1'];

/** What OpenRC makes in /run when it boots a machine. */
const STATE_FOLDERS =
  'started starting stopping inactive wasinactive failed daemons exclusive options hotplugged scheduled tmp';

export async function addOpenrc(sandbox: Sandbox): Promise<void> {
  const root = await openrcPart();
  await sandbox.run(['cp', '-aT', join(root, 'usr'), '/usr']);
  await sandbox.run(['cp', '-aT', join(root, 'etc'), '/etc']);
  // Debian's build reads it.
  await sandbox.write('/etc/insserv.conf', '');
}

/** Makes OpenRC take the sandbox for a machine that it has booted. */
export async function pretendBooted(sandbox: Sandbox): Promise<void> {
  await sandbox.run(['sh', '-c', `cd /run && mkdir openrc && cd openrc && mkdir ${STATE_FOLDERS}`]);
  await sandbox.write('/run/openrc/softlevel', 'default');
}

async function openrcPart(): Promise<string> {
  if (existsSync(FOLDER)) return FOLDER;
  const draft = `${FOLDER}.${process.pid}`;
  const fetch = (): Promise<void> => unpack(MACHINE_APT, PACKAGES, draft);
  await fetch().catch(async (error: unknown) => {
    if (!listsMayBeOld(error)) throw error;
    await updateLists(MACHINE_APT);
    await fetch();
  });
  // Two test runs may have done it at once: the first wins.
  await rename(draft, FOLDER).catch(() => rm(draft, { recursive: true, force: true }));
  return FOLDER;
}
