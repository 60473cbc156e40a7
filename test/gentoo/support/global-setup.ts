// Before the tests with Portage: the parts, Portage itself, and the release archive that is merged.

import { ensureParts } from '../../system/support/parts.ts';
import { ensurePortage } from './portage.ts';
import { ensurePypi } from './pypi.ts';
import { packRelease } from './root.ts';

export async function setup(): Promise<void> {
  const log = (line: string): void => console.log(`gentoo tests: ${line}`);
  await ensureParts(log);
  await ensurePortage(log);
  await ensurePypi(log);
  await packRelease();
}
