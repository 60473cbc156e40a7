// Where a kernel came from is still known when its build tree, which tells, is gone.
import { describe, expect, it } from 'vitest';
import {
  buildTree,
  driverSource,
  type Files,
  gentooKernel,
  judgeHost,
  machine,
  modulesFolder,
} from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';

const R = '6.12.1-gentoo-dist';
const TREE = `/usr/src/linux-${R}`;
const LINK = `/lib/modules/${R}/build`;
const PACKAGE = 'sys-kernel/gentoo-kernel-6.12.1:6.12.1';
const DPKG = `/var/lib/dpkg/info/linux-image-${R}.list`;

const HAND_BUILT: Files = { ...modulesFolder(R), ...buildTree(TREE, R), [LINK]: { link: TREE } };
const HEADERS = `/usr/src/linux-headers-${R}`;
const DEBIAN: Files = {
  ...modulesFolder(R),
  ...buildTree(HEADERS, R),
  [LINK]: { link: HEADERS },
  [DPKG]: '',
};
const DIST = { kind: 'dist-kernel', package: PACKAGE };

describe('a kernel that got its driver', () => {
  it.each<[string, Files, string[], object]>([
    ['a dist-kernel, its link gone', gentooKernel(R), [LINK], DIST],
    ['a dist-kernel, depcleaned', gentooKernel(R), [LINK, TREE], DIST],
    [
      'a dist-kernel, with a tree that somebody cleaned',
      gentooKernel(R),
      [LINK, `${TREE}/dist-kernel`],
      DIST,
    ],
    [
      'one of a distribution',
      DEBIAN,
      [LINK, HEADERS, DPKG],
      { kind: 'distribution', package: `linux-image-${R}` },
    ],
    ['one that was built by hand', HAND_BUILT, [LINK, TREE], { kind: 'hand-built' }],
    [
      'one that was built by hand in the place of a dist-kernel',
      gentooKernel(R),
      [`${TREE}/dist-kernel`],
      { kind: 'hand-built' },
    ],
  ])('%s', async (_, files, gone, origin) => {
    const host = machine({ ...files, ...driverSource('2.9.0') }, { exec: workingDkms });
    expect((await runReconcile(host)).outcome).toBe('done');
    for (const path of gone) host.fs.removeTree(path);
    expect((await judgeHost(host)).kernels.map(({ kernel }) => kernel.origin)).toEqual([origin]);
  });
});

it('a tree that no link leads to tells of its package all the same', async () => {
  const host = machine(gentooKernel(R));
  host.fs.remove(LINK);
  expect((await judgeHost(host)).kernels.map(({ kernel }) => kernel.origin)).toEqual([DIST]);
});

it('what an earlier version remembered counts', async () => {
  const text = JSON.stringify({ schema: 1, packages: { [R]: PACKAGE } });
  const host = machine({ ...modulesFolder(R), '/var/lib/ttkmd/state.json': text });
  expect((await judgeHost(host)).kernels.map(({ kernel }) => kernel.origin)).toEqual([DIST]);
});
