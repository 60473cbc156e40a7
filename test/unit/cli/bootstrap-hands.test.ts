// What of the caller's environment reaches the commands of a bootstrap: the way out for those that need it, and no more.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { realHands } from '../../../src/cli/bootstrap-hands.ts';

afterEach(() => vi.unstubAllEnvs());

async function environmentOf(network: boolean): Promise<Record<string, string>> {
  vi.stubEnv('https_proxy', 'proxy.lan:3128');
  vi.stubEnv('SSL_CERT_FILE', '/etc/own.pem');
  vi.stubEnv('MAKEFLAGS', '--eval=x');
  vi.stubEnv('PYTHONPATH', '/tmp');
  const lines: string[] = [];
  const { run } = realHands(new AbortController().signal, () => {});
  await run({ kind: 'run', argv: ['env'], env: { OWN: '1' }, network, timeLimit: 10_000 }, (line) =>
    lines.push(line),
  );
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s) as [string, string]));
}

describe('the environment of a command', () => {
  it('has the proxy and the certificates where it reaches out, by the names that pip and git have for them', async () => {
    expect(await environmentOf(true)).toMatchObject({
      OWN: '1',
      https_proxy: 'http://proxy.lan:3128',
      SSL_CERT_FILE: '/etc/own.pem',
      PIP_CERT: '/etc/own.pem',
      GIT_SSL_CAINFO: '/etc/own.pem',
    });
  });

  it.each([true, false])('has nothing else of the caller (network: %s)', async (network) => {
    const names = Object.keys(await environmentOf(network));
    const usual = ['HOME', 'LC_ALL', 'OWN', 'PATH', 'TERM'];
    const way = /_proxy$|_CERTS?$|_CERT_FILE$|_BUNDLE$|_CAINFO$/i;
    expect(names.filter((name) => !usual.includes(name) && !(network && way.test(name)))).toEqual([]);
  });
});

/** Answers with each of these in its turn, and with the last one from then on; `undefined` hangs up. */
async function serverOf(...statuses: readonly (number | undefined)[]) {
  const left = [...statuses];
  let asked = 0;
  const server = createServer((request, answer) => {
    asked += 1;
    const status = left.length > 1 ? left.shift() : left[0];
    if (status === undefined) request.socket.destroy();
    else answer.writeHead(status).end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/x`,
    asked: () => asked,
    [Symbol.dispose]: () => void server.close(),
  };
}

describe('an address', () => {
  it.each([
    { statuses: [503, 200], asked: 2, why: undefined },
    { statuses: [undefined, 429, 200], asked: 3, why: undefined },
    { statuses: [502], asked: 3, why: 'the server answered 502 Bad Gateway' },
    { statuses: [404, 200], asked: 1, why: 'the server answered 404 Not Found' },
  ])('is asked again where that may help: $statuses', async ({ statuses, asked, why }) => {
    using server = await serverOf(...statuses);
    const { reach } = realHands(new AbortController().signal, () => {});
    expect(await reach(server.address)).toBe(why);
    expect(server.asked()).toBe(asked);
  });

  it('that cannot be reached is told of, and what the caller has set wrong ends all', async () => {
    const { reach } = realHands(new AbortController().signal, () => {});
    expect(await reach('/a/file')).toBeUndefined();
    expect(await reach('http://127.0.0.1:9/x')).toContain('ECONNREFUSED');
    vi.stubEnv('SSL_CERT_FILE', '/no/such.pem');
    const wrong = realHands(new AbortController().signal, () => {});
    await expect(wrong.reach('https://127.0.0.1:9/x')).rejects.toThrow('/no/such.pem cannot be read');
  });
});
