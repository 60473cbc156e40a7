import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * What takes longest, the longest first. Vitest remembers how long a file took, but not in a fresh checkout, and by their
 * size short files with long waits would come last, alone. The lives of whole machines leave a disk to the tests of cards.
 */
const LONGEST = [
  'vm/systemd',
  'vm/openrc',
  'vm/driver',
  'system/crash',
  'system/daemon',
  'system/reconcile',
  'system/daemon-serves',
  'system/soak',
  'system/poison',
  'system/sandbox',
  'system/progress',
  'system/dkms-beside',
  'system/concurrency',
  'system/drift',
  'system/remains',
  'debian/tools',
  'debian/bootstrap',
];

const fileOf = (name: string): string => `test/${name}.test.ts`;
for (const name of LONGEST) {
  if (!existsSync(join(import.meta.dirname, fileOf(name)))) throw new Error(`there is no ${fileOf(name)}`);
}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(fileOf(name)));
      return index < 0 ? LONGEST.length : index;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 60_000,
          // Half of the time went into reading the same modules again for each file.
          isolate: false,
          maxWorkers: 2,
          globalSetup: ['test/unit/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          // More than the two processors that this is meant for: a file waits for a good part of its time.
          maxWorkers: 3,
          globalSetup: ['test/system/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'debian',
          include: ['test/debian/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 3,
          globalSetup: ['test/system/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'gentoo',
          include: ['test/gentoo/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          globalSetup: ['test/gentoo/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          // A few emulated boots and builds each, on a machine that may be busy.
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 2,
          globalSetup: ['test/vm/support/global-setup.ts'],
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['test/vm/**/*.slow.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          globalSetup: ['test/vm/support/global-setup.ts'],
        },
      },
    ],
  },
});
