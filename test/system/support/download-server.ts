// A real HTTP server on loopback that has what a bootstrap downloads; each page can be made to misbehave.

import { on } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Archive } from './archives.ts';

export class DownloadServer implements Disposable {
  readonly #server: Server;
  /** By path; whatever is not here is missing. */
  readonly pages = new Map<string, RequestListener>();

  private constructor() {
    this.#server = createServer((asked, answer) => {
      const page = this.pages.get(asked.url ?? '');
      if (page === undefined) answer.writeHead(404).end();
      else page(asked, answer);
    });
  }

  static async create(archives: Readonly<Record<string, Archive>>): Promise<DownloadServer> {
    const server = new DownloadServer();
    for (const [name, archive] of Object.entries(archives)) server.pages.set(`/${name}`, serves(archive));
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }

  /** Somebody asks for it, from now on. */
  async asked(path: string): Promise<void> {
    for await (const [asked] of on(this.#server, 'request')) {
      if ((asked as IncomingMessage).url === path) return;
    }
  }

  address(name: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  [Symbol.dispose](): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export function serves({ content }: Archive): RequestListener {
  return (_, answer) => answer.end(content);
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
