// The lock, with the real flock.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createLock, isWaitedFor } from '../../../src/host/lock.ts';

function newPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'ttkmd-')), 'run/lock');
}

describe('the lock', () => {
  it('is held by one at a time and free again when released', async () => {
    const lock = createLock(newPath());
    const first = await lock.acquire(0);
    expect(first).toBeDefined();
    expect(await lock.acquire(0)).toBeUndefined();
    first?.release();
    const second = await lock.acquire(0);
    expect(second).toBeDefined();
    second?.release();
  });

  it('is taken by who waits for it', async () => {
    const lock = createLock(newPath());
    const first = await lock.acquire(0);
    const waiting = lock.acquire(5000);
    first?.release();
    const second = await waiting;
    expect(second).toBeDefined();
    second?.release();
  });

  it('tells whether somebody waits for it', async () => {
    const path = newPath();
    const held = await createLock(path).acquire(0);
    expect(held?.isAwaited()).toBe(false);
    const waiter = spawn('flock', [path, 'true']);
    const ended = new Promise((end) => waiter.on('close', end));
    await vi.waitFor(() => expect(held?.isAwaited()).toBe(true), 5000);
    held?.release();
    await ended;
    const again = await createLock(path).acquire(0);
    expect(again?.isAwaited()).toBe(false);
    again?.release();
  });

  it.each([
    [
      'who waits for it',
      '1: FLOCK  ADVISORY  WRITE 10 00:1c:2 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 11 00:1c:2 0 EOF\n',
      true,
    ],
    ['that nobody waits', '1: FLOCK  ADVISORY  WRITE 10 00:1c:2 0 EOF\n', false],
    [
      'another file system, whose file has the same number',
      '1: FLOCK  ADVISORY  WRITE 10 00:1c:2 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 00:2f:2 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 13 00:2f:2 0 EOF\n',
      false,
    ],
    [
      'a file system that gives stat another device',
      '1: FLOCK  ADVISORY  WRITE 10 00:30:2 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 11 00:30:2 0 EOF\n',
      true,
    ],
    [
      'another file',
      '1: FLOCK  ADVISORY  WRITE 10 00:1c:22 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 11 00:1c:22 0 EOF\n',
      false,
    ],
  ])('tells %s', (_, locks, expected) => {
    expect(isWaitedFor(locks, { dev: 0x1c, ino: 2 })).toBe(expected);
  });

  it('is known by its device on disks as well', () => {
    const waited =
      '1: FLOCK  ADVISORY  WRITE 1 fd:10001:7 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 2 fd:10001:7 0 EOF\n';
    const other = '2: FLOCK  ADVISORY  WRITE 3 fd:01:7 0 EOF\n';
    expect(isWaitedFor(waited + other, { dev: 0x1000fd01, ino: 7 })).toBe(true);
    expect(isWaitedFor(waited + other, { dev: 0xfd01, ino: 7 })).toBe(false);
  });

  it('is not waited for any longer once the signal says so', async () => {
    const lock = createLock(newPath());
    const first = await lock.acquire(0);
    const stop = new AbortController();
    const waiting = lock.acquire(60_000, stop.signal);
    stop.abort();
    expect(await waiting).toBeUndefined();
    first?.release();
  });

  it('is freed by the death of its holder', async () => {
    const path = newPath();
    await createLock(path)
      .acquire(0)
      .then((held) => held?.release());
    const holder = spawn('flock', [path, 'sh', '-c', 'echo held; exec sleep 60'], { detached: true });
    await new Promise((held) => holder.stdout.once('data', held));
    expect(await createLock(path).acquire(0)).toBeUndefined();
    process.kill(-(holder.pid ?? 0), 'SIGKILL');
    const held = await createLock(path).acquire(5000);
    expect(held).toBeDefined();
    held?.release();
  });

  it('is for root alone', async () => {
    const path = newPath();
    const held = await createLock(path).acquire(0);
    expect(execFileSync('stat', ['-c', '%a', path], { encoding: 'utf8' }).trim()).toBe('600');
    held?.release();
  });

  it('is not taken on a file that was removed meanwhile: two would work at once', async () => {
    const path = newPath();
    const lock = createLock(path);
    const first = await lock.acquire(0);
    const waiting = lock.acquire(5000);
    await new Promise((done) => setTimeout(done, 300));
    rmSync(dirname(path), { recursive: true });
    // Whoever comes now makes a new file, and is not waited for by who waits at the old one.
    const second = await lock.acquire(0);
    expect(second).toBeDefined();
    let third: unknown;
    void waiting.then((held) => {
      third = held;
    });
    first?.release();
    await new Promise((done) => setTimeout(done, 300));
    expect(third).toBeUndefined();
    second?.release();
    const held = await waiting;
    expect(held).toBeDefined();
    expect(await lock.acquire(0)).toBeUndefined();
    held?.release();
  });

  describe('whose file is removed while it is held', () => {
    it('is made again where nobody else has', async () => {
      const path = newPath();
      const lock = createLock(path);
      const held = await lock.acquire(0);
      expect(await held?.stands()).toBe(true);
      rmSync(dirname(path), { recursive: true });
      expect(await held?.stands()).toBe(true);
      expect(await lock.acquire(0)).toBeUndefined();
      held?.release();
      const next = await lock.acquire(0);
      expect(next).toBeDefined();
      next?.release();
    });

    it('is lost to who has made a new one', async () => {
      const path = newPath();
      const lock = createLock(path);
      const held = await lock.acquire(0);
      rmSync(path);
      const other = await lock.acquire(0);
      expect(await held?.stands()).toBe(false);
      other?.release();
      // What the other one has changed since was never looked at.
      expect(await held?.stands()).toBe(false);
      held?.release();
      const next = await lock.acquire(0);
      expect(next).toBeDefined();
      next?.release();
    });
  });
});
