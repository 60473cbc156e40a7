// The memory host behaves like the real one where tests rely on it.
import { describe, expect, test } from 'vitest';
import { memoryHost } from './memory-host.ts';

describe('files', () => {
  test('text, links, owners, modes and times are as told', () => {
    const { fs } = memoryHost({
      files: {
        '/etc/a': 'text\n',
        '/etc/b': { text: 'x', mode: 0o600, user: 7, modified: 5000 },
        '/etc/c': { link: '/etc/a' },
        '/etc/d': { folder: true },
        '/etc/e': { text: 'secret', mode: 0 },
        '/etc/dangling': { link: '/nowhere' },
      },
    });
    expect(fs.list('/etc')).toEqual(['a', 'b', 'c', 'd', 'dangling', 'e']);
    expect(fs.readText('/etc/c')).toBe('text\n');
    expect(fs.realPath('/etc/c')).toBe('/etc/a');
    expect(fs.stat('/etc/b')).toMatchObject({ kind: 'file', mode: 0o600, user: 7, modified: 5000 });
    expect(fs.stat('/etc')).toMatchObject({ kind: 'folder', mode: 0o755, user: 0 });
    expect(fs.stat('/etc/dangling')).toBeUndefined();
    expect(fs.lstat('/etc/dangling')?.kind).toBe('link');
    expect(fs.readText('/etc/d')).toBeUndefined();
    expect(fs.readText('/etc/e')).toBeUndefined();
    expect([...fs.denied]).toEqual(['/etc/e']);
  });

  test('writing, with a root and without', () => {
    for (const root of ['/', '/mnt/other']) {
      const { fs, snapshot } = memoryHost({
        root,
        files: { '/etc/a': '1', '/etc/link': { link: '/etc/a' } },
      });
      fs.write('/etc/a', '2');
      fs.append('/var/log/x', 'y');
      expect(fs.readText('/etc/link')).toBe('2');
      expect(Object.keys(snapshot()).every((path) => root === '/' || path.startsWith(root))).toBe(true);
      fs.rename('/etc/a', '/etc/b');
      fs.copy('/etc/b', '/etc/c');
      fs.remove('/etc/b');
      fs.removeTree('/var');
      expect(fs.list('/etc')).toEqual(['c', 'link']);
      expect(fs.realPath('/etc/c')).toBe('/etc/c');
      expect(fs.exists('/var/log')).toBe(false);
    }
  });
});

describe('commands', () => {
  test('rules answer in order, calls are recorded, the rest throws', async () => {
    const host = memoryHost({
      exec: [
        { on: 'dkms status', answer: 'tenstorrent/2.9.0: added\n' },
        { on: /^dkms build .*-k 6\.1/, answer: { code: 10, stdout: 'Building\nmodule', stderr: 'Error!' } },
        { on: 'dkms install', answer: (_call, { fs }) => void fs.write('/made', '') },
        { on: 'dkms', answer: { signal: 'SIGKILL' } },
      ],
    });
    expect((await host.exec.query('dkms', ['status'])).stdout).toContain('added');
    const lines: string[] = [];
    const options = { env: {}, timeLimit: 1, nice: 0, onLine: (line: string) => void lines.push(line) };
    expect((await host.exec.run('dkms', ['build', '-k', '6.1'], options)).code).toBe(10);
    expect(lines).toEqual(['Building', 'module', 'Error!']);
    expect(await host.exec.run('dkms', ['install'], options)).toMatchObject({
      code: undefined,
      signal: 'SIGKILL',
    });
    expect(host.fs.exists('/made')).toBe(true);
    await expect(host.exec.query('modinfo', ['x'])).rejects.toThrow('unexpected query: modinfo x');
    expect(host.exec.calls.map((call) => call.line)).toEqual([
      'dkms status',
      'dkms build -k 6.1',
      'dkms install',
      'modinfo x',
    ]);
  });
});

describe('lock and clock', () => {
  test('one holds it, others wait for release, time or signal', async () => {
    const { lock, clock } = memoryHost();
    const first = await lock.acquire(0);
    expect(first).toBeDefined();
    expect(await lock.acquire(0)).toBeUndefined();
    const late = lock.acquire(1000);
    clock.advance(1000);
    expect(await late).toBeUndefined();
    const stop = new AbortController();
    const stopped = lock.acquire(1000, stop.signal);
    stop.abort();
    expect(await stopped).toBeUndefined();
    const next = lock.acquire(1000);
    first?.release();
    first?.release();
    expect(await next).toBeDefined();
    expect(await memoryHost({ lock: 'held' }).lock.acquire(1000)).toBeUndefined();
  });

  test('a sleep ends at once and is remembered', async () => {
    const { clock } = memoryHost({ now: 10 });
    await clock.sleep(5);
    expect([clock.now(), clock.sleeps]).toEqual([15, [5]]);
  });
});
