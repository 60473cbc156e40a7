// Driver sources: what is in them, who owns them, whether they may be built from.
import { describe, expect, it } from 'vitest';
import { dkmsVariable, observeSources, withoutOwnershipLines } from '../../../src/driver/sources.ts';
import { driverSource, type Files } from '../support/machines.ts';
import { memoryHost } from '../support/memory-host.ts';

const PATH = '/usr/src/tenstorrent-2.9.0';

function sourceOf(files: Files) {
  const found = observeSources(memoryHost({ files }).fs);
  expect(found).toHaveLength(1);
  return found[0];
}

describe('the fingerprint of a source', () => {
  const plain = sourceOf(driverSource('2.9.0'));

  it('leaves out the lines that decide who owns the module', () => {
    const source = sourceOf(driverSource('2.9.0', { autoinstall: true }));
    expect(source?.ownershipLines).toEqual(['AUTOINSTALL="yes"', 'POST_INSTALL="./dkms-post-install"']);
    expect(source?.hash).toBe(plain?.hash);
  });

  it.each<[string, Files]>([
    ['a changed file', driverSource('2.9.0', { code: 'other' })],
    ['a new file', { ...driverSource('2.9.0'), [`${PATH}/new.c`]: '' }],
    [
      'another setting in dkms.conf',
      driverSource('2.9.0', { conf: 'PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="2.9.0"\nSTRIP=no\n' }),
    ],
    ['a link', { ...driverSource('2.9.0'), [`${PATH}/link.c`]: { link: 'module.c' } }],
  ])('sees %s', (_, files) => {
    expect(sourceOf(files)?.hash).not.toBe(plain?.hash);
  });

  it('does not see what git keeps for itself', () => {
    expect(sourceOf({ ...driverSource('2.9.0'), [`${PATH}/.git/HEAD`]: 'x' })?.hash).toBe(plain?.hash);
  });
});

describe('what is refused', () => {
  it.each<[string, Files, RegExp]>([
    [
      'a file that everybody can write to',
      driverSource('2.9.0', { mode: 0o666 }),
      /module\.c can be written to by everybody/,
    ],
    ["somebody else's file", driverSource('2.9.0', { user: 1000 }), /belongs to user 1000/],
    [
      'a folder that everybody can write to',
      { ...driverSource('2.9.0'), [PATH]: { folder: true, mode: 0o777 } },
      /written to by everybody/,
    ],
    [
      'a file that a group can write to',
      { ...driverSource('2.9.0'), [`${PATH}/x.c`]: { text: '', mode: 0o664, group: 100 } },
      /by group 100/,
    ],
    [
      'another package',
      driverSource('2.9.0', { conf: 'PACKAGE_NAME=other\nPACKAGE_VERSION=2.9.0\n' }),
      /for the package other/,
    ],
    [
      'another version',
      driverSource('2.9.0', { conf: 'PACKAGE_VERSION="2.8.0"\n' }),
      /says version 2\.8\.0, its folder says 2\.9\.0/,
    ],
  ])('%s', (_, files, reason) => {
    expect(sourceOf(files)?.refused).toMatch(reason);
  });

  it('is not a version that only a shell could know', () => {
    expect(
      sourceOf(driverSource('2.9.0', { conf: 'PACKAGE_VERSION="$(cat VERSION)"\n' }))?.refused,
    ).toBeUndefined();
  });

  it('is no folder without a dkms.conf', () => {
    expect(observeSources(memoryHost({ files: { [`${PATH}/module.c`]: '' } }).fs)).toEqual([]);
  });
});

describe('dkms.conf', () => {
  it('is read without being run', () => {
    expect(dkmsVariable('A=1\nPACKAGE_VERSION = "2.9.0"  # the version\n', 'PACKAGE_VERSION')).toBe('2.9.0');
  });
  it('keeps everything but the lines of ownership', () => {
    expect(
      withoutOwnershipLines('A="x"\nAUTOINSTALL=yes\n# AUTOINSTALL\nPOST_INSTALL="y"\nPOST_BUILD="z"\n'),
    ).toBe('A="x"\n# AUTOINSTALL\nPOST_BUILD="z"\n');
  });
});
