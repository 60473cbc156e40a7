// Paths under a root: nothing leads out of it.

import * as nodeFs from 'node:fs';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { createHostFs, type HostFs } from '../../../src/host/fs.ts';

let root: string;
let fs: HostFs;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'ttkmd-')));
  mkdirSync(join(root, 'usr/lib/modules/6.1'), { recursive: true });
  mkdirSync(join(root, 'usr/src/linux'), { recursive: true });
  writeFileSync(join(root, 'usr/src/linux/Makefile'), 'inside');
  symlinkSync('/usr/lib', join(root, 'lib'));
  symlinkSync('/usr/src/linux', join(root, 'usr/lib/modules/6.1/build'));
  symlinkSync('../../../../../../../../etc/passwd', join(root, 'out'));
  symlinkSync('/loop', join(root, 'loop'));
  fs = createHostFs(nodeFs, root);
});

describe('a root', () => {
  it('resolves absolute links inside itself, in the middle and at the end', () => {
    expect(fs.readText('/lib/modules/6.1/build/Makefile')).toBe('inside');
    expect(fs.realPath('/lib/modules/6.1/build')).toBe('/usr/src/linux');
    expect(fs.stat('/lib/modules/6.1/build')?.kind).toBe('folder');
    expect(fs.lstat('/lib/modules/6.1/build')?.kind).toBe('link');
    expect(fs.readLink('/lib/modules/6.1/build')).toBe('/usr/src/linux');
  });
  it('is not left by dots or links', () => {
    expect(fs.readText('/../../../../etc/passwd')).toBeUndefined();
    expect(fs.readText('/out')).toBeUndefined();
    expect(fs.outer('/usr/../../../x')).toBe(`${root}/x`);
  });
  it('survives a link that leads to itself', () => {
    expect(fs.readText('/loop')).toBeUndefined();
    expect(fs.exists('/loop')).toBe(false);
  });
  it('is not left by a chain of links that is too long to follow', () => {
    const outside = realpathSync(mkdtempSync(join(tmpdir(), 'ttkmd-outside-')));
    writeFileSync(join(outside, 'victim'), 'untouched');
    // What is not followed to its end would be followed by the system itself, and seen from outside the root.
    symlinkSync(outside, join(root, 'chain0'));
    for (let index = 1; index <= 45; index += 1)
      symlinkSync(`/chain${index - 1}`, join(root, `chain${index}`));
    const tooLong = expect.objectContaining({ code: 'ELOOP', message: expect.stringContaining('/chain45') });

    expect(() => fs.outer('/chain45/victim')).toThrow(tooLong);
    expect(() => fs.write('/chain45/victim', 'changed')).toThrow(tooLong);
    expect(() => fs.remove('/chain45/victim')).toThrow(tooLong);
    expect(() => fs.removeTree('/chain45/victim')).toThrow(tooLong);
    expect(fs.removeEmptyFolder('/chain45/victim')).toBe(false);
    expect(fs.readText('/chain45/victim')).toBeUndefined();
    expect(fs.list('/chain45')).toEqual([]);
    expect(fs.exists('/chain45/victim')).toBe(false);
    expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('untouched');
  });
  it('follows as many links as the kernel does', () => {
    mkdirSync(join(root, 'goal'));
    symlinkSync('/goal', join(root, 'hop1'));
    for (let index = 2; index <= 40; index += 1) symlinkSync(`/hop${index - 1}`, join(root, `hop${index}`));
    writeFileSync(join(root, 'goal/file'), 'reached');
    expect(fs.readText('/hop40/file')).toBe('reached');
  });
  it('is written to inside, and a link at the end is replaced, not followed', () => {
    symlinkSync('/usr/src/linux/Makefile', join(root, 'aim'));
    fs.write('/aim', 'new', 0o600);
    expect(fs.readText('/usr/src/linux/Makefile')).toBe('inside');
    expect(readFileSync(join(root, 'aim'), 'utf8')).toBe('new');
    expect(fs.stat('/aim')?.mode).toBe(0o600);
    expect(fs.list('/').filter((name) => name.endsWith('.new'))).toEqual([]);
  });
  it('reads a growing file from where it left off', () => {
    fs.append('/log', 'one\n');
    const first = fs.readFrom('/log', 0);
    fs.append('/log', 'two\n');
    expect(first).toEqual({ text: 'one\n', next: 4 });
    expect(fs.readFrom('/log', 4)).toEqual({ text: 'two\n', next: 8 });
    expect(fs.readFrom('/none', 0)).toBeUndefined();
  });
});

describe('a file system that fails', () => {
  const failing = (code: string): HostFs => {
    const fail = (): never => {
      throw Object.assign(new Error(code), { code });
    };
    return createHostFs({ ...nodeFs, openSync: fail, readFileSync: fail } as unknown as typeof nodeFs, '/');
  };

  it.each(['ENOENT', 'ENOTDIR', 'ESRCH'])('has nothing where it says %s', (code) => {
    expect(failing(code).readText('/proc/1/comm')).toBeUndefined();
  });
  it('remembers what it may not read', () => {
    const fs2 = failing('EACCES');
    expect(fs2.readText('/secret')).toBeUndefined();
    expect([...fs2.denied]).toEqual(['/secret']);
  });
  it('does not hide that a disk is broken', () => {
    expect(() => failing('EIO').readText('/file')).toThrow('EIO');
  });
});
