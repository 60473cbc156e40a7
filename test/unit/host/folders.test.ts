// Folders, on the real file system.

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { mkdirSync, mkdtempSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolders } from '../../../src/host/folders.ts';

const FOLDERS = join(import.meta.dirname, '../../../src/host/folders.ts');
const root = mkdtempSync(join(tmpdir(), 'folders-'));

describe('a folder', () => {
  it('is made with those above it, and is found made', () => {
    const path = join(root, 'a/b/c');
    for (const _ of [1, 2]) makeFolders(fs, path, 0o750);
    expect([path, join(root, 'a')].map((one) => statSync(one).mode & 0o7777)).toEqual([0o750, 0o750]);
  });

  it('may be a link to one', () => {
    mkdirSync(join(root, 'real'));
    symlinkSync('real', join(root, 'link'));
    makeFolders(fs, join(root, 'link/below'), 0o755);
    expect(statSync(join(root, 'real/below')).isDirectory()).toBe(true);
  });

  it.each([
    ['is a file', 'file'],
    ['is below a file', 'file/below'],
    ['is a link to nothing', 'dangling'],
  ])('that %s is an error', (_, path) => {
    writeFileSync(join(root, 'file'), '');
    if (path === 'dangling') symlinkSync('nothing', join(root, path));
    expect(() => makeFolders(fs, join(root, path), 0o755)).toThrow(/EEXIST|ENOTDIR/);
  });

  it('below one that was removed while it is mounted is an error, and no endless loop', () => {
    const program = `
      import * as fs from 'node:fs';
      import { makeFolders } from '${FOLDERS}';
      try { makeFolders(fs, process.argv[1], 0o755); } catch ({ code }) { console.log(code); }`;
    const script = 'mkdir away here && mount --bind away here && rmdir away && exec "$@"';
    const node = [process.execPath, '--input-type=module', '-e', program, join(root, 'here/a/b')];
    const namespace = process.geteuid?.() === 0 ? ['-m'] : ['-Urm'];
    const { stdout, stderr } = spawnSync('unshare', [...namespace, 'sh', '-c', script, 'sh', ...node], {
      cwd: root,
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(stdout, stderr).toBe('ENOENT\n');
  });
});
