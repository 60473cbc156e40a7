// Whose process is a dkms that works on our tree, and whose only looks like one.
import { describe, expect, it } from 'vitest';
import { foreignRuns } from '../../../src/dkms/foreign-runs.ts';
import type { HostFs } from '../../../src/host/fs.ts';
import { type FileSpec, memoryHost } from '../support/memory-host.ts';

const TREE = '/var/lib/dkms';

interface Process {
  readonly comm?: string;
  readonly command: string;
  /** Effective user. */
  readonly user?: number;
  /** Where its tree is; `same` is ours, `other` a container's, which may have none; `hidden` may not be looked into. */
  readonly tree?: 'same' | 'other' | 'none' | 'hidden';
  /** It ends while it is looked at. */
  readonly ends?: true;
}

function found({ comm = 'dkms', command, user = 0, tree = 'same', ends }: Process): boolean {
  const files: Record<string, FileSpec> = {
    [`${TREE}/x`]: '',
    '/proc/77/comm': `${comm}\n`,
    '/proc/77/cmdline': command === '' ? '' : `${command.replaceAll(' ', '\0')}\0`,
    // The owner of the folder is root for every process that may not be dumped.
    '/proc/77/status': `Name:\t${comm}\nUid:\t1000\t${user}\t${user}\t${user}\nGid:\t0\t0\t0\t0\n`,
    '/proc/self/comm': 'node\n',
  };
  if (tree === 'same') files['/proc/77/root'] = { link: '/' };
  if (tree === 'other') files[`/proc/77/root${TREE}/x`] = '';
  if (tree === 'none') files['/proc/77/root/etc'] = { folder: true };
  const host = memoryHost({ files });
  const fs: HostFs = {
    ...host.fs,
    readText(path) {
      const text = host.fs.readText(path);
      if (ends && path === '/proc/77/status') host.fs.removeTree('/proc/77');
      return text;
    },
  };
  return foreignRuns({ fs }, TREE).includes(77);
}

describe('a dkms of somebody else', () => {
  it.each<[string, Process]>([
    ['as its first line starts it', { command: '/bin/bash /usr/sbin/dkms build -m x -v 1' }],
    ['by name', { command: 'dkms autoinstall' }],
    ['by a shell', { comm: 'bash', command: 'bash /usr/sbin/dkms install x/1' }],
    ['by a shell with options', { comm: 'sh', command: '/bin/sh -e /usr/sbin/dkms remove x/1 --all' }],
    ['the verb behind options', { command: '/bin/bash /usr/sbin/dkms -m x -v 1 -k 6.1 unbuild' }],
    ['a hook of dkms', { command: '/bin/bash /usr/sbin/dkms kernel_postinst -k 6.1' }],
    ['an old verb', { command: '/bin/bash /usr/sbin/dkms mkdrv x/1' }],
    ['one that may not be looked into', { command: 'dkms add x/1', tree: 'hidden' }],
  ])('counts: %s', (_, process) => {
    expect(found(process)).toBe(true);
  });

  it.each<[string, Process]>([
    ['a user who names a process so', { command: '/tmp/dkms 100', user: 1000 }],
    ['a user who runs it, which cannot write', { command: '/bin/bash /usr/sbin/dkms build x/1', user: 1000 }],
    ['one that only looks', { command: '/bin/bash /usr/sbin/dkms status' }],
    ['one that only looks at a module', { command: '/bin/bash /usr/sbin/dkms status -m x' }],
    ['one without a verb', { command: '/bin/bash /usr/sbin/dkms --version' }],
    ['a program of that name', { command: '/usr/bin/dkms-gui install' }],
    ['an editor', { comm: 'vim', command: 'vim /usr/sbin/dkms build' }],
    [
      'a script that has it as its argument',
      { comm: 'bash', command: 'bash /root/x.sh /usr/sbin/dkms build' },
    ],
    ['one in a container', { command: 'dkms add x/1', tree: 'other' }],
    ['one in a container without a tree', { command: 'dkms add x/1', tree: 'none' }],
    ['one that has ended', { command: '' }],
    ['one that ends at this moment', { command: 'dkms add x/1', tree: 'hidden', ends: true }],
  ])('does not count: %s', (_, process) => {
    expect(found(process)).toBe(false);
  });
});
