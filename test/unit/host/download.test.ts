// Downloads from servers that misbehave: the file is whole and right afterwards, or not there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { download } from '../../../src/host/download.ts';
import type { TtkmdError } from '../../../src/host/errors.ts';
import { webEnvironment } from '../../../src/host/web.ts';

const CONTENT = Buffer.alloc(300_000, 'driver');
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
/** Milliseconds; a real server is given a minute. */
const PATIENCE = 200;

const seen: string[] = [];
const pages: Record<string, RequestListener> = {
  '/right': (_, answer) => answer.end(CONTENT),
  '/chunked': (_, answer) => {
    answer.write(CONTENT.subarray(0, 1000));
    answer.end(CONTENT.subarray(1000));
  },
  '/moved': (_, answer) => answer.writeHead(302, { location: '/right' }).end(),
  '/round': (_, answer) => answer.writeHead(302, { location: '/round' }).end(),
  '/elsewhere': (_, answer) => answer.writeHead(302, { location: 'ftp://example.org/x' }).end(),
  '/changed': (_, answer) => answer.end(Buffer.alloc(300_000, 'other')),
  '/short': (_, answer) => {
    answer.writeHead(200, { 'content-length': CONTENT.length });
    answer.write(CONTENT.subarray(0, 1000), () => answer.destroy());
  },
  '/broken-chunks': (_, answer) => answer.write(CONTENT.subarray(0, 1000), () => answer.destroy()),
  '/silent': () => {},
  '/stalls': (_, answer) => {
    answer.writeHead(200, { 'content-length': CONTENT.length });
    answer.write(CONTENT.subarray(0, 1000));
  },
  '/error': (_, answer) => answer.writeHead(500).end('no'),
};

let server: Server;
let base: string;
let folder: string;

beforeAll(async () => {
  server = createServer((asked, answer) => {
    seen.push(asked.url ?? '');
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

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'download-'));
  return () => rmSync(folder, { recursive: true });
});

function fetchTo(from: string, sha256: string | undefined = SHA256, environment = {}, signal?: AbortSignal) {
  return download({ from, to: join(folder, 'sub', 'file'), sha256, environment, patience: PATIENCE, signal });
}

describe('a download', () => {
  it.each(['/right', '/chunked', '/moved'])('from %s brings the file', async (page) => {
    expect(await fetchTo(`${base}${page}`)).toBe(SHA256);
    expect(readFileSync(join(folder, 'sub', 'file'))).toEqual(CONTENT);
    expect(readdirSync(join(folder, 'sub'))).toEqual(['file']);
  });

  it('copies from a folder', async () => {
    writeFileSync(join(folder, 'here'), CONTENT);
    await fetchTo(join(folder, 'here'));
    expect(readFileSync(join(folder, 'sub', 'file'))).toEqual(CONTENT);
  });

  it('tells the checksum where nobody knew it', async () => {
    const options = { to: join(folder, 'sub', 'file'), environment: {}, patience: PATIENCE };
    expect(await download({ ...options, from: `${base}/changed`, sha256: undefined })).toBe(
      createHash('sha256').update(Buffer.alloc(300_000, 'other')).digest('hex'),
    );
  });

  it.each([
    ['/missing', 'the server answered 404 Not Found'],
    ['/error', 'the server answered 500'],
    ['/changed', `instead of ${SHA256}`],
    ['/short', 'of 300000 bytes'],
    ['/broken-chunks', 'it ended after 1000 of an unknown number of bytes'],
    ['/silent', 'no answer for 0.2 s'],
    ['/stalls', 'nothing came for 0.2 s'],
    ['/round', 'it leads on more than 5 times'],
    ['/elsewhere', 'that is no http or https address'],
  ])('from %s fails, says why, and leaves nothing', async (page, why) => {
    const error = (await fetchTo(`${base}${page}`).catch((one: unknown) => one)) as TtkmdError;
    expect(error.message).toContain(why);
    expect(error.message).toContain(base);
    expect(error.hint).not.toBe('');
    expect(existsSync(join(folder, 'sub', 'file'))).toBe(false);
    expect(readdirSync(join(folder, 'sub'))).toEqual([]);
  });

  it('keeps what was there where the new one is wrong', async () => {
    await fetchTo(`${base}/right`);
    await expect(fetchTo(`${base}/changed`)).rejects.toThrow('thrown away');
    expect(readFileSync(join(folder, 'sub', 'file'))).toEqual(CONTENT);
  });

  it('says so where nobody listens', async () => {
    await expect(fetchTo('http://127.0.0.1:9/x')).rejects.toThrow('ECONNREFUSED');
  });

  it('says so where a mirror lacks the file', async () => {
    await expect(fetchTo(join(folder, 'nothing'))).rejects.toThrow('there is no such file');
  });

  it('ends when it is told to, and leaves nothing', async () => {
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    setTimeout(() => controller.abort(reason), 50);
    await expect(fetchTo(`${base}/stalls`, SHA256, {}, controller.signal)).rejects.toBe(reason);
    expect(readdirSync(join(folder, 'sub'))).toEqual([]);
  });

  it.each([
    ['it', CONTENT],
    ['the end of it', CONTENT.subarray(0, 1500)],
  ])('names the file where the disk does not take %s', (_, content) => {
    const source = join(folder, 'here');
    writeFileSync(source, content);
    const options = { from: source, to: join(folder, 'file'), environment: {}, patience: PATIENCE };
    const script = `
      import { download } from ${JSON.stringify(join(import.meta.dirname, '../../../src/host/download.ts'))};
      process.on('SIGXFSZ', () => {});
      await download(${JSON.stringify(options)}).catch((error) => console.log(error.message));`;
    const { stdout } = spawnSync(
      'prlimit',
      ['--fsize=1000', process.execPath, '--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    expect(stdout).toBe(`${join(folder, 'file')}.part could not be written: EFBIG: file too large, write.\n`);
  });

  it('goes through the proxy that the variables name', async () => {
    const through = { http_proxy: base };
    const error = await fetchTo('http://upstream.invalid/file', SHA256, through).catch((one: Error) => one);
    // A proxy is asked for the whole address; this one has no such page.
    expect(seen.at(-1)).toBe('http://upstream.invalid/file');
    expect(String(error)).toContain('404');
  });
});

describe('the environment of downloads', () => {
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['has nothing of the rest', { HOME: '/root', LD_PRELOAD: 'x', NODE_OPTIONS: 'y' }, {}],
    ['has proxies', { https_proxy: 'http://p', NO_PROXY: 'a' }, { https_proxy: 'http://p', NO_PROXY: 'a' }],
    ['leaves out what is empty', { https_proxy: '' }, {}],
    [
      'gives pip and git the certificates',
      { SSL_CERT_FILE: '/ca' },
      { SSL_CERT_FILE: '/ca', PIP_CERT: '/ca', GIT_SSL_CAINFO: '/ca' },
    ],
  ])('%s', (_, given, expected) => {
    expect(webEnvironment(given)).toEqual(expected);
  });
});
