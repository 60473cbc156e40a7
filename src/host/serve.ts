// HTTP on a Unix socket, for many callers of whom none is trusted to be quick, small or polite.
import { chmodSync, chownSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

/** Bytes of a request's body. */
const MOST_BODY = 64 * 1024;

/** Bytes of a request's first line and headers. */
const MOST_HEADERS = 8 * 1024;

/** Callers at once; further ones are sent away. */
const MOST_CALLERS = 64;

/** Milliseconds for a whole request to arrive. */
const REQUEST_LIMIT = 10_000;

/** Milliseconds for a reader to take what was answered. */
const READ_LIMIT = 30_000;

/** Bytes that a reader of a stream may lag behind before it is let go. */
const MOST_LAG = 256 * 1024;

export interface Request {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole answer; or what is called once with a way to send lines until the caller leaves. */
  readonly body: string | ((stream: LineStream) => void);
}

export interface LineStream {
  /** Sends one line; does nothing once the caller has left. */
  send(line: string): void;
  /** Ends it, after what was sent. */
  end(): void;
  onClose(listener: () => void): void;
}

export interface SocketOptions {
  readonly path: string;
  readonly mode: number;
  /** The group that owns the socket; root's where undefined. */
  readonly group?: number | undefined;
  readonly answer: (request: Request) => Promise<Answer>;
}

export interface ServedSocket {
  readonly path: string;
  /** Gives it to another group; does nothing where somebody has taken it away. */
  giveTo(group: number | undefined): void;
  close(): Promise<void>;
}

/**
 * Serves a socket. An old one in its place is replaced.
 * @throws what the file system says where it cannot be made
 */
export async function serveSocket(options: SocketOptions): Promise<ServedSocket> {
  const server = createServer(
    {
      maxHeaderSize: MOST_HEADERS,
      keepAliveTimeout: 0,
      // Node would look at all connections every so often, idle or not; each has a timer of its own instead.
      connectionsCheckingInterval: 0x7fff_ffff,
      requestTimeout: 0,
      headersTimeout: 0,
    },
    (request, response) => void respond(request, response, options.answer),
  );
  server.maxConnections = MOST_CALLERS;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('error', () => {});
    const deadline = setTimeout(() => socket.destroy(), REQUEST_LIMIT);
    socket.once('close', () => {
      clearTimeout(deadline);
      open.delete(socket);
    });
    deadlines.set(socket, deadline);
  });
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  rmSync(options.path, { force: true });
  await listen(server, options.path);
  chownSync(options.path, 0, options.group ?? 0);
  chmodSync(options.path, options.mode);
  return {
    path: options.path,
    giveTo(group) {
      try {
        chownSync(options.path, 0, group ?? 0);
      } catch {
        // Whoever serves it again gives it to its group.
      }
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Ends a connection whose request does not arrive. */
const deadlines = new WeakMap<Socket, NodeJS.Timeout>();

/** The socket is made for root alone; whom else it is for is said afterwards, without a moment in between. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const before = process.umask(0o177);
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      server.on('error', () => {});
      resolve();
    });
    // bind(2) happens within listen().
    process.umask(before);
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: SocketOptions['answer'],
): Promise<void> {
  response.on('error', () => {});
  try {
    const body = await readBody(request);
    clearTimeout(deadlines.get(request.socket));
    if (body === undefined) return send(response, { status: 413, body: tooLarge() });
    const url = new URL(request.url ?? '/', 'http://localhost');
    const asked = { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, body };
    send(response, await answer(asked));
  } catch (error) {
    const message = (error as Error).message;
    if (!response.headersSent)
      send(response, { status: 400, body: `${JSON.stringify({ error: message })}\n` });
    else response.destroy();
  }
}

function tooLarge(): string {
  return `${JSON.stringify({ error: `a request may have ${MOST_BODY} bytes` })}\n`;
}

/** The body of a request; undefined where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MOST_BODY) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    Connection: 'close',
    ...headers,
  });
  if (typeof body === 'string') {
    response.socket?.setTimeout(READ_LIMIT, () => response.destroy());
    response.end(body);
    return;
  }
  response.flushHeaders();
  body({
    send(line) {
      if (response.destroyed || response.writableEnded) return;
      if (response.writableLength > MOST_LAG) response.destroy();
      else response.write(`${line}\n`);
    },
    end: () => void response.end(),
    onClose: (listener) => void response.once('close', listener),
  });
}

/** Whether somebody is at work behind a socket: who has too many callers sends the others away without a word. */
export function socketAnswers(path: string, limit: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let connected = false;
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(limit, () => end(false));
    socket.once('connect', () => {
      connected = true;
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    });
    socket.once('data', () => end(true));
    for (const ending of ['error', 'close']) socket.once(ending, () => end(connected));
  });
}
