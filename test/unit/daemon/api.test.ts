// What the sockets answer, and to what they say no.
import { describe, expect, it } from 'vitest';
import { ordersApi, readingApi } from '../../../src/daemon/api.ts';
import type { Job } from '../../../src/daemon/schedule.ts';
import type { Request } from '../../../src/host/serve.ts';
import type { HistoryEntry } from '../../../src/state/history.ts';

const request = (method: string, target: string, body = ''): Request => {
  const { pathname, searchParams } = new URL(target, 'http://localhost');
  return { method, path: pathname, query: searchParams, body };
};

const ENTRY: HistoryEntry = {
  at: Date.UTC(2026, 0, 2, 3, 4, 5),
  trigger: 'cli',
  step: 'build',
  release: '6.1',
  version: '2.9.0',
  outcome: 'done',
  seconds: 4,
  detail: 'built',
  log: '/var/log/ttkmd/builds/x.log',
};

describe('the socket for looking', () => {
  const asked: number[] = [];
  const answer = readingApi({
    status: async () => '{"schema":1}',
    history: (most) => {
      asked.push(most);
      return [ENTRY];
    },
    follow() {},
  });

  it.each([
    ['GET', '/', 200],
    ['GET', '/status', 200],
    ['GET', '/history', 200],
    ['GET', '/history?lines=0', 200],
    ['GET', '/history?lines=-1', 400],
    ['GET', '/history?lines=1e3', 400],
    ['GET', '/events', 200],
    ['POST', '/status', 405],
    ['POST', '/reconcile', 404],
    ['GET', '/../status', 200],
    ['GET', '/constructor', 404],
    ['GET', '/__proto__', 404],
    ['DELETE', '/nothing', 404],
  ])('%s %s is answered with %d', async (method, target, status) => {
    const answered = await answer(request(method, target));
    expect(answered.status).toBe(status);
    if (status >= 400) expect(JSON.parse(answered.body as string)).toHaveProperty('error');
  });

  it('gives times as the status does, which is as ttkmdctl history --json does', async () => {
    const { body } = await answer(request('GET', '/history'));
    expect(JSON.parse(body as string)).toEqual({
      schema: 1,
      entries: [{ ...ENTRY, at: '2026-01-02T03:04:05.000Z' }],
    });
  });

  it('gives no more of the history than is kept', async () => {
    asked.length = 0;
    await answer(request('GET', '/history?lines=999999'));
    expect(asked).toEqual([1000]);
  });
});

describe('the socket for orders', () => {
  const run = async (
    body: string,
    answerTo: 'taken' | 'full' | 'stuck' = 'taken',
  ): Promise<{ status: number; jobs: Job[]; text: string; lines: string[] }> => {
    const jobs: Job[] = [];
    const lines: string[] = [];
    const answer = ordersApi({
      note: (line) => lines.push(line),
      request: (job) => {
        jobs.push(job);
        return answerTo;
      },
      cancel: () => true,
      reload() {},
      kernels: async () => ['6.12.58-gentoo-dist'],
    });
    const { status, body: text } = await answer(request('POST', '/reconcile', body));
    return { status, jobs, text: text as string, lines };
  };
  const all: Job = { kind: 'reconcile', trigger: 'cli', release: undefined, force: false };

  it.each<[string, Job]>([
    ['', all],
    ['{}', all],
    ['{"force":true}', { ...all, force: true }],
    ['{"kernel":"6.12.58-gentoo-dist"}', { ...all, release: '6.12.58-gentoo-dist' }],
  ])('takes on %j', async (body, job) => {
    expect(await run(body)).toMatchObject({ status: 202, jobs: [job] });
  });

  it.each([
    '{',
    '[]',
    'null',
    '"6.12"',
    '{"kernel":7}',
    '{"kernel":""}',
    '{"kernel":"--force"}',
    '{"kernel":"../../etc"}',
    '{"kernel":"a\\u0000b"}',
    '{"force":"yes"}',
    '{"kernels":"6.12"}',
    '{"__proto__":{}}',
  ])('refuses %s, and says why', async (body) => {
    const { status, jobs, text } = await run(body);
    expect({ status, jobs }).toEqual({ status: 400, jobs: [] });
    expect(JSON.parse(text)).toEqual({ error: expect.stringMatching(/.+/) });
  });

  it('knows which kernels there are', async () => {
    const { status, jobs, text } = await run('{"kernel":"6.12.59-gentoo-dist"}');
    expect({ status, jobs }).toEqual({ status: 404, jobs: [] });
    expect(text).toContain('there is no kernel 6.12.59-gentoo-dist on this machine');
  });

  it('says so where it cannot do more', async () => {
    expect(await run('', 'full')).toMatchObject({ status: 429 });
    expect(await run('', 'stuck')).toMatchObject({ status: 503, text: expect.stringMatching(/hangs/) });
    const answer = ordersApi({
      note() {},
      request: () => 'full',
      cancel: () => false,
      reload() {},
      kernels: async () => [],
    });
    expect((await answer(request('POST', '/cancel'))).status).toBe(409);
    expect((await answer(request('POST', '/reload'))).status).toBe(202);
    expect((await answer(request('GET', '/reload'))).headers).toEqual({ Allow: 'POST' });
  });

  it.each<[string, 'taken' | 'full' | 'stuck', string[]]>([
    ['', 'taken', ['reconcile of all kernels']],
    ['{"force":true}', 'taken', ['reconcile of all kernels, by force']],
    ['{"kernel":"6.12.58-gentoo-dist"}', 'taken', ['reconcile of 6.12.58-gentoo-dist']],
    ['', 'full', ['reconcile of all kernels: refused, since enough requests are waiting already']],
    ['', 'stuck', ['reconcile of all kernels: refused, since the run under way hangs in the kernel']],
    // What is no order is answered, and that is all.
    ['{', 'taken', []],
    ['{"kernel":"6.12.59-gentoo-dist"}', 'taken', []],
  ])('notes an order with %j that is %s', async (body, answerTo, lines) => {
    expect((await run(body, answerTo)).lines).toEqual(lines);
  });

  it.each([
    ['cancel', true, ['cancel of the run under way']],
    ['cancel', false, ['cancel of the run under way: refused, since there is none of the daemon']],
    ['reload', true, ['reload of the settings']],
  ])('notes the order to %s (where a run is under way: %j)', async (order, isUnderWay, expected) => {
    const lines: string[] = [];
    const answer = ordersApi({
      note: (line) => lines.push(line),
      request: () => 'taken',
      cancel: () => isUnderWay,
      reload() {},
      kernels: async () => [],
    });
    await answer(request('POST', `/${order}`));
    expect(lines).toEqual(expected);
    await answer(request('GET', `/${order}`));
    expect(lines).toEqual(expected);
  });
});
