// GitHub and PyPI on loopback, by their real names: a proxy leads there, and a certificate authority of our own vouches.
// Beside them, answers of servers that misbehave.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './command.ts';

const NAMES = ['api.github.com', 'github.com', 'pypi.org'];

export class Publishers implements AsyncDisposable {
  readonly #servers: readonly Server[];
  /** What is behind `host/path`; whatever is not here is missing. */
  readonly pages = new Map<string, string | Buffer>();
  /** In PEM, for SSL_CERT_FILE. */
  readonly certificate: string;
  /** For https_proxy. */
  readonly proxy: string;

  private constructor(servers: readonly Server[], certificate: string, proxy: string) {
    this.#servers = servers;
    this.certificate = certificate;
    this.proxy = proxy;
  }

  static async create(): Promise<Publishers> {
    const { key, cert } = await authority();
    const secure = createSecureServer({ key, cert }, (asked, answer) => {
      const page = publishers.pages.get(`${asked.headers.host}${asked.url}`);
      if (page === undefined) answer.writeHead(404).end('{"message":"Not Found"}');
      else answer.end(page);
    });
    const proxy = createServer((_, answer) => answer.writeHead(403).end());
    proxy.on('connect', (asked, socket) => {
      if (!NAMES.includes((asked.url ?? '').replace(/:443$/, ''))) {
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        return;
      }
      const inner = connect((secure.address() as AddressInfo).port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        inner.pipe(socket);
        socket.pipe(inner);
      });
      for (const end of [inner, socket]) end.on('error', () => end.destroy());
    });
    for (const server of [secure, proxy])
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const publishers = new Publishers([secure, proxy], cert, address);
    return publishers;
  }

  /** A repository's newest release, with files that have the checksum that is told, or none. */
  offer(repository: string, tag: string, files: Readonly<Record<string, string | null>>): void {
    const assets = Object.entries(files).map(([name, digest]) => ({
      name,
      digest: digest === null ? null : `sha256:${digest}`,
      browser_download_url: `https://github.com/tenstorrent/${repository}/releases/download/${tag}/${name}`,
    }));
    const path = `api.github.com/repos/tenstorrent/${repository}/releases/latest`;
    this.pages.set(path, JSON.stringify({ tag_name: tag, assets }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

async function authority(): Promise<{ key: string; cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'authority-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const names = `subjectAltName=${NAMES.map((name) => `DNS:${name}`).join(',')}`;
  try {
    await command([
      ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=tests', '-addext', names],
    ]);
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Sends the beginning of what it has, and nothing more. */
export function hangs(content: () => Buffer): RequestListener {
  return (_, answer) => {
    answer.writeHead(200, { 'content-length': content().length });
    answer.write(content().subarray(0, 100));
  };
}

/** Sends the beginning of what it has, and is gone. */
export function cutsShort(content: () => Buffer): RequestListener {
  return (_, answer) => {
    answer.writeHead(200, { 'content-length': content().length });
    answer.write(content().subarray(0, 100), () => answer.destroy());
  };
}
