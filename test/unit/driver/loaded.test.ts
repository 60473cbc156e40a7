// The module in the kernel, by what sysfs shows of it.
import { expect, it } from 'vitest';
import type { LoadedDriver } from '../../../src/driver/driver.ts';
import { observeLoaded } from '../../../src/driver/loaded.ts';
import { memoryHost } from '../support/memory-host.ts';

it.each<[string, Record<string, string>, Partial<LoadedDriver>]>([
  ['that two hold', { refcnt: '2\n' }, { users: 2, going: false, removable: true }],
  ['that is going, as its state says', { refcnt: '0\n', initstate: 'going\n' }, { users: 0, going: true }],
  // module_refcount() is -1 from the moment when nobody can take hold of it: nobody is a user then, least of all -1.
  ['that is going, as its count says', { refcnt: '-1\n', initstate: 'live\n' }, { users: 0, going: true }],
  ['that the kernel cannot unload', { version: '2.9.0\n' }, { version: '2.9.0', users: 0, removable: false }],
  ['of the kernel itself', { refcnt: '0\n', taint: '\n' }, { inTree: true }],
  ['that was built beside the kernel', { refcnt: '0\n', taint: 'OE\n' }, { inTree: false }],
])('one %s', (_, files, expected) => {
  const folder = '/sys/module/tenstorrent';
  const { fs } = memoryHost({
    files: Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])),
  });
  expect(observeLoaded(fs)).toMatchObject(expected);
});
