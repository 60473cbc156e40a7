// Driver sources: what is in them, who owns them, whether they may be built from.
import { describe, expect, it } from 'vitest';
import { observeSources } from '../../../src/driver/sources.ts';
import type { FileInfo, HostFs } from '../../../src/host/fs.ts';
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

  it('is read again where it was not read before', () => {
    const { fs } = memoryHost({ files: driverSource('2.9.0') });
    const identity = plain?.identity ?? '';
    const known = observeSources(fs).map((one) => ({ identity: one.identity, hash: '' }));
    expect(identity).not.toBe('');
    expect(observeSources(fs, { [PATH]: known[0] ?? { identity, hash: '' } })[0]?.hash).toBe(plain?.hash);
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
    const refused = sourceOf(files)?.refused;
    expect(refused?.text).toMatch(reason);
    expect(refused?.hint).toBeTruthy();
  });

  it('is not a version that only a shell could know', () => {
    expect(
      sourceOf(driverSource('2.9.0', { conf: 'PACKAGE_VERSION="$(cat VERSION)"\n' }))?.refused,
    ).toBeUndefined();
  });

  it('is a folder without a dkms.conf, and no file of such a name', () => {
    const source = sourceOf({ [`${PATH}/module.c`]: '', [`${PATH}.tar.gz`]: '' });
    expect(source?.refused).toMatchObject({
      code: 'no-dkms-conf',
      text: `${PATH}/dkms.conf is missing, by which dkms knows how to build it`,
    });
    expect(source?.refused?.hint).not.toContain('chown');
  });

  it.each(['2.9.0.bak', '2.9.0-old', '2.9.0_orig', '2.9.0~'])(
    'is a copy that was put aside as %s',
    (name) => {
      const conf = 'PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="2.9.0"\n';
      expect(sourceOf(driverSource(name, { conf }))?.refused?.code).toBe('copy');
    },
  );

  it.each(['2.9.1', '2.9.0.1', '2.10.0', '2.9.01'])('is 2.9.0 under the name of %s', (name) => {
    const conf = 'PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="2.9.0"\n';
    const refused = sourceOf(driverSource(name, { conf }))?.refused;
    expect(refused?.code).toBe('other-version');
    expect(refused?.hint).toContain(`mv -T /usr/src/tenstorrent-${name} ${PATH}`);
  });

  it('gives a hint that is safe to paste, whoever named the file', () => {
    const evil = `${PATH}/a'; reboot #`;
    const { refused } = sourceOf({ ...driverSource('2.9.0'), [evil]: { link: '/etc/passwd' } }) ?? {};
    expect(refused?.hint).toContain(`'${PATH}/a'\\''; reboot #'`);
  });
});

describe('links', () => {
  const home = { '/home/eve': { folder: true, user: 1000 } } as const;
  const roots = (to: string): Files => ({ [to]: { folder: true }, [`${to}/x.c`]: 'x' });

  it.each<[string, Files, RegExp]>([
    [
      'the configuration in a home',
      {
        [`${PATH}/dkms.conf`]: { link: '/home/eve/dkms.conf' },
        '/home/eve/dkms.conf': { text: '', user: 1000 },
        ...home,
      },
      /dkms\.conf is a link that leads out of the source, to \/home\/eve\/dkms\.conf/,
    ],
    [
      "root's file in a home",
      { [`${PATH}/Makefile`]: { link: '/home/eve/m' }, '/home/eve/m': '', ...home },
      /Makefile is a link/,
    ],
    [
      'a folder elsewhere',
      { ...roots('/opt/x'), [`${PATH}/sub`]: { link: '../../../opt/x' } },
      /sub is a link/,
    ],
    ['out and in again', { [`${PATH}/a.c`]: { link: '../tenstorrent-2.9.0/module.c' } }, /a\.c is a link/],
    [
      'out by another link',
      { ...roots('/opt/x'), [`${PATH}/up`]: { link: '..' }, [`${PATH}/a.c`]: { link: 'up/x' } },
      /a\.c is a link/,
    ],
    ['in a circle', { [`${PATH}/a.c`]: { link: 'b.c' }, [`${PATH}/b.c`]: { link: 'a.c' } }, /a\.c is a link/],
    ["into git's folder", { [`${PATH}/.git/x`]: '', [`${PATH}/a.c`]: { link: '.git/x' } }, /a\.c is a link/],
    ["somebody else's", { [`${PATH}/a.c`]: { link: 'module.c', user: 7 } }, /a\.c belongs to user 7/],
  ])('are refused: %s', (_, files, reason) => {
    const source = sourceOf({ ...driverSource('2.9.0'), ...files });
    expect(source?.refused?.text).toMatch(reason);
    expect(source?.hash).toBe('');
  });

  it('count as what they lead to', () => {
    const linked = (code: string): Files => ({
      ...driverSource('2.9.0', { code }),
      [`${PATH}/dkms.conf`]: { link: 'conf/dkms.conf' },
      [`${PATH}/conf/dkms.conf`]: 'PACKAGE_VERSION="2.9.0"\nAUTOINSTALL=yes\n',
      [`${PATH}/a.c`]: { link: `${PATH}/sub/b.c` },
      [`${PATH}/sub/b.c`]: { link: '../module.c' },
    });
    const [one, other] = [sourceOf(linked('1')), sourceOf(linked('2'))];
    expect(one?.refused).toBeUndefined();
    expect(one?.ownershipLines).toEqual(['AUTOINSTALL=yes']);
    expect(one?.hash).not.toBe(other?.hash);
  });

  describe('of the folder itself', () => {
    const through = (files: Files): Files => ({
      '/opt/tt/dkms.conf': 'PACKAGE_VERSION="2.9.0"\n',
      '/usr/src': { folder: true },
      [PATH]: { link: '/opt/tt' },
      ...files,
    });
    it("may lead to a folder of root's", () => {
      expect(sourceOf(through({}))?.refused).toBeUndefined();
    });
    it.each<[string, Files, RegExp]>([
      [
        "somebody else's",
        { '/opt/tt': { folder: true, user: 7 } },
        /leads to \/opt\/tt, and \/opt\/tt belongs to user 7/,
      ],
      [
        "through somebody else's",
        { '/opt': { folder: true, user: 7 } },
        /leads to \/opt, and \/opt belongs to user 7/,
      ],
      [
        'through a link of somebody else',
        {
          [PATH]: { link: '/srv/eve/tt' },
          '/srv/eve': { folder: true, mode: 0o777 },
          '/srv/eve/tt': { link: '/opt/tt' },
        },
        /\/srv\/eve can be written to by everybody/,
      ],
    ])('may not lead to one that is %s', (_, files, reason) => {
      const refused = sourceOf(through(files))?.refused;
      expect(refused).toMatchObject({ code: 'not-roots', text: expect.stringMatching(reason) });
      expect(refused?.hint).toContain(`rm ${PATH}`);
    });
  });

  it('are not needed for somebody else to put another folder there', () => {
    const source = sourceOf({ ...driverSource('2.9.0'), '/usr/src': { folder: true, mode: 0o777 } });
    expect(source?.refused?.text).toBe('/usr/src can be written to by everybody');
    expect(source?.refused?.hint).toContain('chmod go-w /usr/src');
  });
});

describe('what is never opened', () => {
  /** A host on which reading a path fails the test, and its kind or size is as told. */
  function withFile(files: Files, path: string, info: Partial<FileInfo>): HostFs {
    const { fs } = memoryHost({ files });
    const change = (asked: string, found: FileInfo | undefined) =>
      found !== undefined && asked === path ? { ...found, ...info } : found;
    const opened = (asked: string): string => {
      expect(asked).not.toBe(path);
      return asked;
    };
    return {
      ...fs,
      stat: (asked) => change(asked, fs.stat(asked)),
      lstat: (asked) => change(asked, fs.lstat(asked)),
      readText: (asked) => fs.readText(opened(asked)),
      readBytes: (asked) => fs.readBytes(opened(asked)),
    };
  }

  it.each<[string, Partial<FileInfo>, string, RegExp]>([
    ['a pipe', { kind: 'other' }, `${PATH}/module.c`, /module\.c is a pipe, a socket or a device/],
    ['a pipe for a configuration', { kind: 'other' }, `${PATH}/dkms.conf`, /dkms\.conf is a pipe/],
    ['a file beyond reason', { size: 65 * 1024 * 1024 }, `${PATH}/module.c`, /holds more than 64 MiB/],
    ["somebody's configuration", { user: 7 }, `${PATH}/dkms.conf`, /belongs to user 7/],
  ])('%s', (_, info, path, reason) => {
    const [source] = observeSources(withFile(driverSource('2.9.0'), path, info));
    expect(source?.refused?.text).toMatch(reason);
    expect(source?.hash).toBe('');
  });
});
