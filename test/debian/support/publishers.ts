// GitHub and PyPI on loopback, by their real names: a proxy leads there, and a certificate authority of our own vouches.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../system/support/command.ts';

/** Where GitHub keeps the files of releases; their own addresses lead there, for a while and signed. */
const FILES = 'release-assets.githubusercontent.com';
const NAMES = ['api.github.com', 'github.com', FILES, 'pypi.org'];

interface Redirect {
  readonly status: 301 | 302;
  readonly location: string;
}

export class Publishers implements AsyncDisposable {
  readonly #servers: readonly Server[];
  /** What is behind `host/path`; whatever is not here is missing. */
  readonly pages = new Map<string, string | Buffer | Redirect>();
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
      // GitHub answers nobody who does not say who he is.
      if (asked.headers['user-agent'] === undefined) answer.writeHead(403).end();
      else if (page === undefined) answer.writeHead(404).end('{"message":"Not Found"}');
      else if (typeof page === 'string' || Buffer.isBuffer(page)) answer.end(page);
      else answer.writeHead(page.status, { location: page.location }).end('{"message":"Moved"}');
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

  /**
   * A repository's newest release, in the shape of GitHub's REST API (2022-11-28), with files that have the checksum that
   * is told, or none.
   */
  offer(repository: string, tag: string, files: Readonly<Record<string, string | null>>): void {
    const web = `https://github.com/tenstorrent/${repository}`;
    const api = `https://api.github.com/repos/tenstorrent/${repository}`;
    const assets = Object.entries(files).map(([name, digest], index) => ({
      url: `${api}/releases/assets/${index + 1}`,
      id: index + 1,
      node_id: 'RA_1',
      name,
      label: '',
      uploader: { login: 'github-actions[bot]', type: 'Bot' },
      content_type: 'application/octet-stream',
      state: 'uploaded',
      size: 1024,
      digest: digest === null ? null : `sha256:${digest}`,
      download_count: 42,
      created_at: '2026-01-02T03:04:05Z',
      updated_at: '2026-01-02T03:04:06Z',
      browser_download_url: `${web}/releases/download/${tag}/${name}`,
    }));
    const release = {
      url: `${api}/releases/7`,
      assets_url: `${api}/releases/7/assets`,
      upload_url: `https://uploads.github.com/repos/tenstorrent/${repository}/releases/7/assets{?name,label}`,
      html_url: `${web}/releases/tag/${tag}`,
      id: 7,
      author: { login: 'github-actions[bot]', type: 'Bot' },
      node_id: 'RE_1',
      tag_name: tag,
      target_commitish: 'main',
      name: `${repository} ${tag}`,
      draft: false,
      immutable: false,
      prerelease: false,
      created_at: '2026-01-02T03:04:05Z',
      updated_at: '2026-01-02T03:04:06Z',
      published_at: '2026-01-02T03:04:06Z',
      assets,
      tarball_url: `${api}/tarball/${tag}`,
      zipball_url: `${api}/zipball/${tag}`,
      body: `What changed: version 1.2.3 is mended. **Full Changelog**: ${web}/compare/v1...${tag}`,
    };
    // As of a repository that was given another name.
    const moved = `api.github.com/repositories/${repository.length}/releases/latest`;
    this.pages.set(`api.github.com/repos/tenstorrent/${repository}/releases/latest`, {
      status: 301,
      location: `https://${moved}`,
    });
    this.pages.set(moved, JSON.stringify(release));
  }

  /** A release's file, as it is brought from GitHub. */
  offerFile(repository: string, tag: string, name: string, content: Buffer): void {
    const signed = `${FILES}/github-production-release-asset/1/2?sp=r&sv=2018-11-09&rscd=attachment%3B+filename%3D${name}&sig=a%2Bb%3D`;
    this.pages.set(`github.com/tenstorrent/${repository}/releases/download/${tag}/${name}`, {
      status: 302,
      location: `https://${signed}`,
    });
    this.pages.set(signed, content);
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
