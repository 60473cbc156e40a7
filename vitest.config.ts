import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest goes first: the lives of whole machines, which also leave a disk to the tests of cards. */
class LivesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLife = ({ moduleId }: TestSpecification): boolean => /vm\/(systemd|openrc)\.test/.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLife), ...sorted.filter((file) => !isLife(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LivesFirst },
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
