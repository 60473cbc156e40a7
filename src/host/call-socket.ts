// Asks a server on a Unix socket.
import { request } from 'node:http';
import { createInterface } from 'node:readline';

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Milliseconds to wait for an answer. */
const LIMIT = 30_000;

/**
 * One request and its whole answer.
 * @throws ENOENT or ECONNREFUSED where nobody serves the socket, EACCES where this user may not
 */
export function callSocket(path: string, method: string, target: string, body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: path, method, path: target, timeout: LIMIT }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${LIMIT / 1000} s`)));
    call.on('error', reject);
    call.end(body);
  });
}

/**
 * The lines of a stream, as they come, until the server or the signal ends it.
 * @throws as `callSocket` does
 */
export function followSocket(
  path: string,
  target: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: path, path: target, signal }, (response) => {
      // The end of the response is told twice, and both times as an error where it was broken off.
      createInterface({ input: response })
        .on('line', onLine)
        .on('error', () => {});
      response.on('error', () => resolve());
      response.on('close', resolve);
    });
    call.on('error', (error) => (signal.aborted ? resolve() : reject(error)));
    call.end();
  });
}
