// Who holds a device: descriptors, mappings, containers with other names, and what cannot be seen.
import { describe, expect, it } from 'vitest';
import { holderText, observeHolders } from '../../../src/driver/holders.ts';
import { processFiles } from '../support/cards.ts';
import { type FileSpec, type MemoryHost, memoryHost } from '../support/memory-host.ts';

type Files = Record<string, FileSpec>;

const ID = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';

const MACHINE: Files = {
  '/sys/module/tenstorrent/refcnt': '2\n',
  '/sys/class/tenstorrent/tenstorrent!0/dev': '240:0\n',
  '/sys/class/tenstorrent/tenstorrent!1/dev': '240:1\n',
  '/dev/tenstorrent/0': { special: '240:0' },
  '/dev/tenstorrent/1': { special: '240:1' },
  '/dev/null': { special: '1:3' },
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n',
  '/proc/self/ns/pid': { link: 'pid:[4026531836]' },
};

function hostWith(files: Files, effectiveUser = 0): MemoryHost {
  return memoryHost({ files: { ...MACHINE, ...files }, machine: { effectiveUser } });
}

const NODE = { link: '/dev/tenstorrent/0' };

describe('a holder', () => {
  it.each<[string, Files, string, string[]]>([
    [
      'with a descriptor',
      processFiles(7, 'python3', 1000, { 'fd/3': NODE }),
      'python3 (pid 7, alice)',
      ['/dev/tenstorrent/0'],
    ],
    [
      'with two of one device',
      processFiles(7, 'python3', 1000, { 'fd/3': NODE, 'fd/4': NODE }),
      'python3 (pid 7, alice)',
      ['/dev/tenstorrent/0'],
    ],
    [
      'with two devices',
      processFiles(7, 'python3', 1000, { 'fd/3': { link: '/dev/tenstorrent/1' }, 'fd/4': NODE }),
      'python3 (pid 7, alice)',
      ['/dev/tenstorrent/0', '/dev/tenstorrent/1'],
    ],
    [
      'with a mapping alone',
      processFiles(7, 'python3', 1000, {
        maps: '55d0-55d1 r--p 00000000 08:01 77 /usr/bin/python3\n7f00-7f01 rw-s 20000000 00:05 801    /dev/tenstorrent/1\n',
      }),
      'python3 (pid 7, alice)',
      ['/dev/tenstorrent/1'],
    ],
    [
      'whose node was removed',
      processFiles(7, 'python3', 1000, { 'fd/3': { link: '/dev/tenstorrent/0 (deleted)' } }),
      'python3 (pid 7, alice)',
      ['/dev/tenstorrent/0'],
    ],
    [
      'in docker, where the second device is the first',
      {
        ...processFiles(
          7,
          'tt-server',
          0,
          { 'fd/3': { link: '/var/lib/box/dev/tenstorrent/0' } },
          `0::/system.slice/docker-${ID}.scope\n`,
        ),
        '/var/lib/box/dev/tenstorrent/0': { special: '240:1' },
      },
      'tt-server (pid 7, root, docker container 0123456789ab)',
      ['/dev/tenstorrent/1'],
    ],
    [
      'in docker, where the device has a name of its own',
      {
        ...processFiles(
          7,
          'tt',
          0,
          { 'fd/3': { link: '/dev/card0' } },
          `0::/system.slice/docker-${ID}.scope\n`,
        ),
        '/dev/card0': { special: '240:1' },
      },
      'tt (pid 7, root, docker container 0123456789ab)',
      ['/dev/tenstorrent/1'],
    ],
    [
      'with a mapping alone, of a device with a name of its own',
      processFiles(7, 'tt', 0, {
        maps: '7f00-7f01 rw-s 20000000 00:05 801    /dev/card0\n',
        'map_files/7f00-7f01': { special: '240:1' },
      }),
      'tt (pid 7, root)',
      ['/dev/tenstorrent/1'],
    ],
    [
      'in podman, as a user that is known in there alone',
      processFiles(7, 'tt', 100999, { 'fd/3': NODE }, `0::/machine.slice/libpod-${ID}.scope/container\n`),
      'tt (pid 7, 100999, podman container 0123456789ab)',
      ['/dev/tenstorrent/0'],
    ],
    [
      'in a unit',
      processFiles(7, 'tt', 0, { 'fd/3': NODE }, '0::/system.slice/tt.service\n'),
      'tt (pid 7, root, unit tt.service)',
      ['/dev/tenstorrent/0'],
    ],
    [
      'in a login',
      processFiles(7, 'tt', 1000, { 'fd/3': NODE }, '0::/user.slice/user-1000.slice/session-3.scope\n'),
      'tt (pid 7, alice, session 3)',
      ['/dev/tenstorrent/0'],
    ],
    [
      'in a service of OpenRC',
      processFiles(7, 'tt', 0, { 'fd/3': NODE }, '1:name=openrc:/tt\n'),
      'tt (pid 7, root, service tt)',
      ['/dev/tenstorrent/0'],
    ],
  ])('%s', (_, files, text, nodes) => {
    const { holders, complete } = observeHolders(hostWith(files));
    expect(holders.map((one) => [holderText(one), one.nodes])).toEqual([[text, nodes]]);
    expect(complete).toBe(true);
  });

  it('whose descriptors account for all users spares everybody’s mappings', () => {
    const host = hostWith({
      ...processFiles(7, 'tt', 0, { 'fd/3': NODE, 'fd/4': NODE }),
      ...processFiles(8, 'stuck', 0),
    });
    const read: string[] = [];
    const fs = {
      ...host.fs,
      readText: (path: string) => host.fs.readText(read[read.push(path) - 1] ?? path),
    };
    expect(observeHolders({ ...host, fs }).holders).toHaveLength(1);
    expect(read.filter((path) => path.endsWith('/maps'))).toEqual([]);
    host.put({ '/sys/module/tenstorrent/refcnt': '3\n' });
    observeHolders({ ...host, fs });
    expect(read.filter((path) => path.endsWith('/maps'))).toEqual(['/proc/8/maps']);
  });

  it('is named in the order of pids', () => {
    const files = {
      ...processFiles(100, 'b', 0, { 'fd/3': NODE }),
      ...processFiles(9, 'a', 0, { 'fd/3': NODE }),
    };
    expect(observeHolders(hostWith(files)).holders.map(({ pid }) => pid)).toEqual([9, 100]);
  });
});

describe('nobody', () => {
  it.each<[string, Files]>([
    ['who has other files', processFiles(7, 'tt', 0, { 'fd/3': { link: '/home/tenstorrent/notes' } })],
    [
      'who has an ordinary file of that name',
      {
        ...processFiles(7, 'tt', 0, { 'fd/3': { link: '/srv/tenstorrent/0' } }),
        '/srv/tenstorrent/0': 'text',
      },
    ],
    [
      'who has another device, or one with a like name of a driver with another number',
      {
        ...processFiles(7, 'tt', 0, { 'fd/3': { link: '/dev/card0' }, 'fd/4': { link: '/srv/dev/card1' } }),
        '/dev/card0': { special: '226:0' },
        '/srv/dev/card1': 'text',
      },
    ],
    ['who ended while looked at', { '/proc/7/fd/3': NODE }],
    ['who is a thread of the kernel', { '/proc/7/comm': 'kthreadd\n' }],
    [
      'where no module is loaded',
      { ...processFiles(7, 'tt', 0, { 'fd/3': NODE }), '/sys/module/tenstorrent': { link: '/none' } },
    ],
  ])('%s', (_, files) => {
    const { '/sys/module/tenstorrent/refcnt': refcnt = '', ...machine } = MACHINE;
    const unloaded = '/sys/module/tenstorrent' in files;
    const host = memoryHost({
      files: { ...machine, ...(unloaded ? {} : { '/sys/module/tenstorrent/refcnt': refcnt }), ...files },
    });
    expect(observeHolders(host)).toEqual({ holders: [], complete: true });
  });

  it('is looked for where the kernel counts no user', () => {
    const host = hostWith({
      ...processFiles(7, 'tt', 0, { 'fd/3': NODE }),
      '/sys/module/tenstorrent/refcnt': '0\n',
    });
    const asked: string[] = [];
    const fs = {
      ...host.fs,
      list: (path: string) => {
        asked.push(path);
        return host.fs.list(path);
      },
    };
    expect(observeHolders({ ...host, fs })).toEqual({ holders: [], complete: true });
    expect(asked).toEqual([]);
  });

  it('is taken for nobody where a kernel that unloads nothing does not count', () => {
    const { '/sys/module/tenstorrent/refcnt': _, ...machine } = MACHINE;
    const files = {
      ...machine,
      '/sys/module/tenstorrent/version': '2.9.0\n',
      ...processFiles(7, 'tt', 0, { 'fd/3': NODE }),
    };
    expect(observeHolders(memoryHost({ files })).holders).toHaveLength(1);
  });
});

describe('what cannot be seen', () => {
  it('is said, and a user sees their own', () => {
    const files = {
      ...processFiles(1, 'init', 0, { 'fd/3': NODE }),
      ...processFiles(7, 'tt', 1000, { 'fd/3': NODE }),
    };
    const host = hostWith(files, 1000);
    const { holders, complete } = observeHolders(host);
    expect(holders.map(({ pid }) => pid)).toEqual([7]);
    expect(complete).toBe(false);
    // What is others' business does not count as something of the machine that was hidden.
    expect([...host.fs.denied]).toEqual([]);
  });

  it.each<[string, Files, string[]]>([
    ['into the folder of descriptors', { '/proc/7/fd': { folder: true, mode: 0 } }, ['/proc/7/fd']],
    [
      'where descriptors lead, of which one is enough to know',
      { '/proc/7/fd/0': NODE, '/proc/7/fd/1': NODE, '/proc/7/fd': { folder: true, mode: 0o444 } },
      ['/proc/7/fd/0'],
    ],
    [
      'at mappings',
      { '/proc/7/fd/0': { link: '/dev/null' }, '/proc/7/maps': { text: '', mode: 0 } },
      ['/proc/7/maps'],
    ],
  ])('is said to a root that may not look %s', (_, files, denied) => {
    const host = hostWith({ '/proc/7/comm': 'tt\n', ...files });
    expect(observeHolders(host)).toEqual({ holders: [], complete: false });
    expect([...host.fs.denied]).toEqual(denied);
  });

  it('is said in a container, which does not see the machine', () => {
    const host = hostWith({ '/proc/self/ns/pid': { link: 'pid:[4026532001]' } });
    expect(observeHolders(host).complete).toBe(false);
  });
});
