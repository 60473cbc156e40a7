// The lock, with the real flock.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createLock } from '../../../src/host/lock.ts';

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
