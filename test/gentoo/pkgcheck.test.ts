// pkgcheck looks at the overlay: each error and warning that it has is explained here, and nothing else is found.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { command } from '../system/support/command.ts';
import { layCheckRoot } from './support/check-root.ts';
import { portageFolder } from './support/portage.ts';

/** What pkgcheck finds, and why it is so. The overlay's README says the same. */
const EXPLAINED: readonly [found: string, why: string][] = [
  ['MissingManifest app-admin/ttkmd', 'its archive is made by whoever installs it: npm run pack'],
  ['MissingManifest sys-kernel/tt-kmd', 'no checksum without a download: ebuild … manifest makes it'],
  ['MissingManifest sys-apps/tt-system-tools', 'the same'],
  ['MissingManifest sys-devel/sfpi-bin', 'the same'],
  [
    'NonexistentDeps dev-python/tt-tools-common dev-python/textual',
    'GURU has it, which is no master of ours',
  ],
  ['NonexistentDeps sys-apps/tt-smi dev-python/textual', 'the same'],
  ['NonsolvableDepsInStable dev-python/tt-tools-common dev-python/textual', 'the same'],
  ['NonsolvableDepsInStable sys-apps/tt-smi dev-python/textual', 'the same'],
];

/** What it says of anything that no package of the master uses: the stand-in has none that use anything. */
const OF_THE_STAND_IN = /^UnusedInMasters(?:Eclasses|GlobalUse|Licenses)$/;

interface Result {
  readonly __class__: string;
  readonly category?: string;
  readonly package?: string;
  readonly nonexistent?: readonly string[];
  readonly deps?: readonly string[];
}

test('pkgcheck finds nothing that is not explained', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pkgcheck-'));
  try {
    const { overlay, configuration } = await layCheckRoot(folder);
    const output = await command(
      [
        join(await portageFolder(), 'bin/pkgcheck'),
        `--config=${configuration}`,
        'scan',
        '--repo=tenstorrent',
        '--keywords=error,warning',
        '--reporter=JsonStream',
      ],
      {
        cwd: overlay,
        env: {
          PATH: '/usr/bin:/bin',
          HOME: folder,
          XDG_CACHE_HOME: join(folder, 'cache'),
          LC_ALL: 'C.UTF-8',
        },
      },
    );
    const results = output
      .split('\n')
      .filter((line) => line !== '')
      .filter((line) => !OF_THE_STAND_IN.test((JSON.parse(line) as Result).__class__));
    const unexplained = results.filter((line) => !EXPLAINED.some(([found]) => describe(line) === found));
    expect(unexplained).toEqual([]);
    const found = new Set(results.map(describe));
    expect(
      EXPLAINED.map(([one]) => one).filter((one) => !found.has(one)),
      'explained, and not found',
    ).toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

function describe(line: string): string {
  const result = JSON.parse(line) as Result;
  const atoms = [...(result.nonexistent ?? []), ...(result.deps ?? [])];
  const missing = atoms.map((atom) => atom.replace(/^[<>=~]+/, '').replace(/-\d.*$/, ''));
  return [result.__class__, `${result.category}/${result.package}`, ...new Set(missing)].join(' ');
}
