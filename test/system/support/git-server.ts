// A real git daemon on loopback that can be slow: it sends the beginning of an answer, and nothing more.

import { spawn } from 'node:child_process';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Bytes of an answer that come from a slow one: the references, and no commit. */
const BEGINNING = 600;

export class GitServer implements Disposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  slow = false;

  private constructor(folder: string) {
    this.#server = createServer((socket) => this.#answer(socket, folder));
  }

  /** @param folder what has the repositories */
  static async create(folder: string): Promise<GitServer> {
    const server = new GitServer(folder);
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }

  address(name: string): string {
    return `git://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  #answer(socket: Socket, folder: string): void {
    const words = ['daemon', '--inetd', '--export-all', `--base-path=${folder}`, folder];
    const daemon = spawn('git', words, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#sockets.add(socket);
    socket.on('error', () => {});
    daemon.stdin.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      daemon.kill();
    });
    socket.pipe(daemon.stdin);
    let sent = 0;
    daemon.stdout.on('data', (piece: Buffer) => {
      const part = this.slow ? piece.subarray(0, Math.max(0, BEGINNING - sent)) : piece;
      sent += part.length;
      socket.write(part);
    });
    daemon.stdout.on('end', () => socket.end());
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
