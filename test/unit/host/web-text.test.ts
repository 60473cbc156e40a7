// Short answers from servers that misbehave: the whole text, or a word of what went wrong.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { webEnvironment } from '../../../src/host/web.ts';
import { requestText } from '../../../src/host/web-text.ts';

const TEXT = '{"tag_name":"ttkmd-2.11.0 – größer"}';
const PIECE = Buffer.alloc(1024 ** 2, 'x');

const pages: Record<string, RequestListener> = {
  '/right': (_, answer) => answer.end(TEXT),
  '/moved': (_, answer) => answer.writeHead(302, { location: '/right' }).end(),
  '/limited': (_, answer) => answer.writeHead(403, 'rate limit exceeded').end('{}'),
  '/short': (_, answer) => {
    answer.writeHead(200, { 'content-length': 500 });
    answer.write(TEXT, () => answer.destroy());
  },
  '/broken-chunks': (_, answer) => answer.write(TEXT, () => answer.destroy()),
  '/stalls': (_, answer) => answer.write(TEXT),
  '/slow': async (_, answer) => {
    for (const piece of TEXT.match(/.{1,8}/gsu) ?? []) {
      answer.write(piece);
      await sleep(60);
    }
    answer.end();
  },
  '/silent': () => {},
  '/endless': (_, answer) => {
    const more = (): void => {
      while (!answer.destroyed && answer.write(PIECE));
      if (!answer.destroyed) answer.once('drain', more);
    };
    more();
  },
};

let server: Server;
let base: string;

beforeAll(async () => {
  server = createServer((asked, answer) => {
    const page = pages[asked.url ?? ''];
    if (page === undefined) answer.writeHead(404).end();
    else page(asked, answer);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function ask(path: string, signal?: AbortSignal): Promise<string> {
  return requestText(`${base}${path}`, { environment: webEnvironment({}), patience: 200, signal });
}

describe('a text', () => {
  it.each(['/right', '/moved', '/slow'])('comes whole (%s)', async (path) => {
    expect(await ask(path)).toBe(TEXT);
  });

  it.each([
    ['/missing', 'the server answered 404 Not Found'],
    ['/limited', 'the server answered 403 rate limit exceeded'],
    ['/short', `it ended after ${Buffer.byteLength(TEXT)} of 500 bytes`],
    ['/broken-chunks', `it ended after ${Buffer.byteLength(TEXT)} of an unknown number of bytes`],
    ['/stalls', 'nothing came for 0.2 s'],
    ['/silent', 'no answer for 0.2 s'],
    ['/endless', 'it is larger than anything that is expected'],
  ])('does not come from %s', async (path, words) => {
    await expect(ask(path)).rejects.toThrow(`${base}${path} could not be downloaded: ${words}`);
  });

  it('is given up at once when somebody interrupts', async () => {
    const controller = new AbortController();
    const asked = ask('/stalls', controller.signal);
    const reason = new Error('Ctrl-C');
    setTimeout(() => controller.abort(reason), 50);
    await expect(asked).rejects.toBe(reason);
  });
});

describe('a proxy', () => {
  it('is heeded where its address is written without http://, as curl and pip take it', async () => {
    const environment = webEnvironment({ http_proxy: new URL(base).host, https_proxy: 'proxy.lan:3128' });
    expect(environment.https_proxy).toBe('http://proxy.lan:3128');
    const asked = requestText('http://nowhere.invalid/right', { environment, patience: 2000 });
    await expect(asked).rejects.toThrow(
      'http://nowhere.invalid/right could not be downloaded: the server answered 404',
    );
  });

  it('that cannot be one is named', async () => {
    const environment = webEnvironment({ http_proxy: 'http://[' });
    const asked = requestText(`${base}/right`, { environment, patience: 2000 });
    await expect(asked).rejects.toThrow('http_proxy names no address: http://[');
  });
});
