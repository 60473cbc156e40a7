// The real file system where it can go wrong: what is no file, what is full, what cannot be cleaned up.
import { execFileSync } from 'node:child_process';
import * as nodeFs from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHostFs, type RawFs } from '../../../src/host/fs.ts';

function newFolder(): string {
  return nodeFs.mkdtempSync(join(tmpdir(), 'ttkmd-'));
}

describe('what is no file', () => {
  const folder = newFolder();
  const fs = createHostFs(nodeFs, folder);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  nodeFs.mkdirSync(join(folder, 'folder'));
  nodeFs.symlinkSync('/pipe', join(folder, 'link'));
  if (process.geteuid?.() === 0) execFileSync('mknod', [join(folder, 'endless'), 'c', '1', '5']);

  it.each(['/pipe', '/link', '/endless', '/folder', '/missing'])('%s is not read, and at once', (path) => {
    expect(fs.readText(path)).toBeUndefined();
    expect(fs.readBytes(path)).toBeUndefined();
    expect(fs.readEnd(path, 10)).toBeUndefined();
    expect(fs.readFrom(path, 0)).toBeUndefined();
    expect(() => [...fs.pieces(path)]).toThrow();
    expect(fs.denied.size).toBe(0);
  });

  it('a socket is not read either', async () => {
    const server = createServer().listen(join(folder, 'socket'));
    await new Promise((ready) => server.once('listening', ready));
    expect(fs.readText('/socket')).toBeUndefined();
    server.close();
  });

  it('files are, those of /proc too, which say that they are empty', () => {
    nodeFs.writeFileSync(join(folder, 'file'), 'text');
    expect(fs.readText('/file')).toBe('text');
    expect(fs.readBytes('/file')?.toString()).toBe('text');
    expect(createHostFs(nodeFs, '/').readText('/proc/self/status')).toContain('Uid:');
  });
});

describe('a write that fails', () => {
  const failing = (call: keyof RawFs, code: string): RawFs => ({
    ...nodeFs,
    fsyncSync() {
      throw Object.assign(new Error('ENOSPC: no space left on device, fsync'), { code: 'ENOSPC' });
    },
    [call]() {
      throw Object.assign(new Error(`${code}: cannot clean up`), { code });
    },
  });

  it.each(['EROFS', 'EIO', 'EACCES'])('tells why, even where its draft cannot be removed: %s', (code) => {
    const fs = createHostFs(failing('unlinkSync', code), newFolder());
    expect(() => fs.write('/file', 'text')).toThrow(/ENOSPC: no space left on device, fsync \(\/file\)/);
    expect([...fs.denied]).toEqual([]);
  });

  it('tells which file could not grow', () => {
    const fs = createHostFs(failing('writeSync', 'ENOSPC'), newFolder());
    expect(() => fs.append('/log', 'line')).toThrow('ENOSPC: cannot clean up (/log)');
  });
});

describe('writing in place', () => {
  const folder = newFolder();
  const fs = createHostFs(nodeFs, folder);

  it('keeps the file that is there, as /sys wants it', () => {
    nodeFs.writeFileSync(join(folder, 'count'), '12\n');
    const { ino } = nodeFs.statSync(join(folder, 'count'));
    fs.writeInPlace('/count', '4\n');
    expect(fs.readText('/count')).toBe('4\n');
    expect(nodeFs.statSync(join(folder, 'count')).ino).toBe(ino);
    expect(fs.list('/')).toEqual(['count']);
  });

  it('makes none where there is none', () => {
    expect(() => fs.writeInPlace('/missing', '1')).toThrow(/ENOENT/);
    expect(fs.exists('/missing')).toBe(false);
  });
});
