// What reaches out of the machine: one request, by the proxy and with the certificates that the caller's variables name.

import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates } from 'node:tls';
import { EXIT, TtkmdError } from './errors.ts';

/** Variables of the caller's that count for downloads, and for nothing else. */
export const PROXY_VARIABLES = [
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];
export const CA_VARIABLES = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE'];

/** The certificates that Debian's and Gentoo's ca-certificates package keep, an admin's own among them. */
const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

const MOST_REDIRECTS = 5;

/** The caller's environment, as far as downloads heed it. */
export function webEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = [...PROXY_VARIABLES, ...CA_VARIABLES];
  const given = Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined || value === '' ? [] : [[name, isProxy(name) ? withScheme(value) : value]];
    }),
  );
  // pip and git have names of their own for the same.
  const bundle = given.SSL_CERT_FILE ?? given.REQUESTS_CA_BUNDLE ?? given.CURL_CA_BUNDLE;
  return bundle === undefined ? given : { ...given, PIP_CERT: bundle, GIT_SSL_CAINFO: bundle };
}

function isProxy(name: string): boolean {
  return /^https?_proxy$/i.test(name);
}

/** curl, pip and git take a proxy without its scheme for one of http; Node would go past it without a word. */
function withScheme(address: string): string {
  return address.includes('://') ? address : `http://${address}`;
}

export interface RequestOptions {
  readonly environment: Readonly<Record<string, string>>;
  /** Milliseconds without a byte after which it is given up. */
  readonly patience: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The answer to a GET, redirects followed.
 * @throws TtkmdError that names the address and the reason
 */
export async function request(url: string, options: RequestOptions): Promise<IncomingMessage> {
  let address = parse(url);
  for (let hop = 0; hop <= MOST_REDIRECTS; hop += 1) {
    const answer = await patiently(address, options);
    const status = answer.statusCode ?? 0;
    const { location } = answer.headers;
    if (status >= 300 && status < 400 && location !== undefined) {
      answer.resume();
      const next = new URL(location, address);
      if (!isWeb(next)) throw failed(url, `it leads to ${next.href}, and that is no http or https address`);
      if (address.protocol === 'https:' && next.protocol !== 'https:') {
        throw failed(url, `it leads from https to ${next.href}, which nobody vouches for`);
      }
      address = next;
    } else if (status === 200) return answer;
    else {
      answer.resume();
      throw failed(url, `the server answered ${status} ${answer.statusMessage ?? ''}`.trim());
    }
  }
  throw failed(url, `it leads on more than ${MOST_REDIRECTS} times`);
}

export function failed(url: string, why: string, cause?: unknown): TtkmdError {
  return new TtkmdError(
    'download-failed',
    `${url} could not be downloaded: ${why}.`,
    'Run the same command again: it goes on where it stopped. Behind a proxy set https_proxy, with a certificate authority of your own SSL_CERT_FILE; without a network give --mirror.',
    EXIT.stepFailed,
    cause,
  );
}

function parse(url: string): URL {
  const address = URL.parse(url);
  if (address !== null && isWeb(address)) return address;
  throw failed(url, 'that is no http or https address');
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

/** What may be another answer in a moment, how often it is asked for again, and the milliseconds before. */
const OF_THE_MOMENT = new Set<unknown>(['ECONNRESET', 'EAI_AGAIN', 429, 500, 502, 503, 504]);
const AGAIN = 2;
const PAUSE = 1000;

async function patiently(address: URL, options: RequestOptions): Promise<IncomingMessage> {
  for (let more = AGAIN; more > 0; more -= 1) {
    try {
      const answer = await once(address, options);
      if (!OF_THE_MOMENT.has(answer.statusCode)) return answer;
      answer.resume();
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (options.signal?.aborted || !OF_THE_MOMENT.has(code)) throw error;
    }
    await sleep(PAUSE);
  }
  return once(address, options);
}

async function once(address: URL, options: RequestOptions): Promise<IncomingMessage> {
  const secure = address.protocol === 'https:';
  insistOnProxies(options.environment);
  const { request: send } = await (secure ? import('node:https') : import('node:http'));
  const proxy = { proxyEnv: options.environment };
  const agent = secure
    ? new HttpsAgent({ ...proxy, ca: certificates(options.environment) })
    : new HttpAgent(proxy);
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': 'ttkmd', accept: '*/*' };
    const signal = options.signal === undefined ? {} : { signal: options.signal };
    const sent = send(address, { agent, headers, ...signal, timeout: options.patience });
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${options.patience / 1000} s`)));
    sent.on('error', (error) => reject(failed(address.href, reasonOf(error), error)));
    sent.on('response', (answer) => {
      // From here on whoever reads looks at the clock.
      sent.setTimeout(0);
      resolve(answer);
    });
    sent.end();
  });
}

function insistOnProxies(environment: Readonly<Record<string, string>>): void {
  const wrong = Object.entries(environment).find(([name, value]) => isProxy(name) && !URL.canParse(value));
  if (wrong === undefined) return;
  const [name, value] = wrong;
  throw new TtkmdError(
    'proxy-wrong',
    `The variable ${name} names no address: ${value}`,
    `Set it to your proxy, as http://HOST:PORT, or leave it out.`,
    EXIT.usage,
  );
}

/** A connection that was tried at several addresses has an empty message of its own. */
export function reasonOf(error: unknown): string {
  const { message, code, errors } = error as NodeJS.ErrnoException & { errors?: Error[] };
  return message || errors?.map((one) => one.message).join(', ') || code || 'the connection failed';
}

function certificates(environment: Readonly<Record<string, string>>): string[] {
  const named = CA_VARIABLES.flatMap((name) => environment[name] ?? []);
  const own = named.map((path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new TtkmdError(
        'ca-unreadable',
        `The certificates in ${path} cannot be read: ${(error as Error).message}`,
        `Mend ${CA_VARIABLES.join(', ')}, or leave them out.`,
        EXIT.usage,
        error,
      );
    }
  });
  return [...getCACertificates('bundled'), ...systemCertificates(), ...own];
}

function systemCertificates(): string[] {
  try {
    return [readFileSync(SYSTEM_CERTIFICATES, 'utf8')];
  } catch {
    return [];
  }
}
