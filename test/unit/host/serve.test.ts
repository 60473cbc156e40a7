// Whether a socket answers, asked of servers that do as they like.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { socketAnswers } from '../../../src/host/serve.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a socket', () => {
  it.each<[string, (socket: Socket) => void, boolean]>([
    ['answers', (socket) => void socket.write('HTTP/1.1 200 OK\r\n'), true],
    ['sends everybody away, having too many callers: somebody is there', (socket) => socket.destroy(), true],
    ['takes calls and says nothing', () => {}, false],
  ])('that %s', async (name, answer, expected) => {
    const path = join(folder, name.slice(0, 5));
    const callers: Socket[] = [];
    const server: Server = createServer((socket) => {
      callers.push(socket);
      answer(socket);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      expect(await socketAnswers(path, 300)).toBe(expected);
    } finally {
      for (const one of callers) one.destroy();
      server.close();
    }
  });

  it('that is not there does not answer', async () => {
    expect(await socketAnswers(join(folder, 'none'), 300)).toBe(false);
  });
});
