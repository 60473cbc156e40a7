// What a machine has, as a file that brings another one to the same state without questions.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import { readJournal } from './journal.ts';
import type { Versions } from './versions.ts';

/** @throws TtkmdError where no bootstrap has ended here */
export function exportedVersions(fs: HostFs): Versions {
  const { steps, versions, python, kmdSource } = readJournal(fs);
  const done = steps.filter((step) => step.done).map(({ name }) => name);
  if (versions === undefined || python === undefined || done.length === 0) {
    throw new TtkmdError(
      'nothing-to-export',
      'No bootstrap has done anything on this machine, so there is nothing to export.',
      'As root: ttkmdctl bootstrap',
      EXIT.unhealthy,
    );
  }
  return {
    ...versions,
    machine: { steps: done, python, ...(kmdSource === undefined ? {} : { kmdSource }) },
  };
}
