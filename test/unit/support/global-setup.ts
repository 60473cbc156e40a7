// Around the unit tests: whatever they put among the temporary files is gone after them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'ttkmd-unit-'));
  process.env.TMPDIR = folder;
  return () => rm(folder, { recursive: true, force: true });
}
