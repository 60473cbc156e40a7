// Before the vm tests: the images that their guests boot, with the program as it is now.

import { join } from 'node:path';
import { locked } from '../../system/support/lock.ts';
import { ensureDisks } from './disks.ts';
import { removeLeftGuests } from './guest.ts';
import { ensureBases } from './images.ts';
import { FOLDER } from './places.ts';

// Two images take four minutes on a slow day; a second asker waits for them rather than failing.
const LOCK_SECONDS = 1200;

export async function setup(): Promise<void> {
  const log = (line: string): void => console.log(`vm tests: ${line}`);
  await locked(join(FOLDER, 'lock'), LOCK_SECONDS, async () => {
    await ensureDisks(await ensureBases(log), log);
  });
  await removeLeftGuests();
}
