// The bootstrap of a fresh Debian, with real packages and a real build, from a server that misbehaves first.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { command } from './support/command.ts';
import { FreshRoot, unpackedRelease } from './support/fresh-root.ts';
import { changes, printed } from './support/machine.ts';
import { FIXTURES } from './support/project.ts';
import type { RunResult } from './support/sandbox.ts';

const NAME = 'tt-kmd-ttkmd-1.0.0-sample.tar.gz';
const JOURNAL = '/var/lib/ttkmd/bootstrap.json';
/** What downloads of Python packages need of this machine, where it has certificates of its own. */
const WEB = { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt', TTKMD_DOWNLOAD_PATIENCE: '2000' };

let root: FreshRoot;
let before: string[];
let server: Server;
let archive: Buffer;
let page: RequestListener;

/** The sample driver as upstream packs a release; its build takes a while, so that it can be interrupted. */
async function pack(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'archive-'));
  const top = 'tt-kmd-ttkmd-1.0.0-sample';
  try {
    await command(['cp', '-r', join(FIXTURES, 'sample-driver'), join(folder, top)]);
    await command(['sh', '-c', 'echo "slow = 3" > "$1/switches.mk"', 'sh', join(folder, top)]);
    await command(['tar', '-czf', join(folder, 'a'), '-C', folder, top]);
    return readFileSync(join(folder, 'a'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const right: RequestListener = (_, answer) => answer.end(archive);

beforeAll(async () => {
  [root, archive] = await Promise.all([unpackedRelease().then(FreshRoot.create), pack()]);
  page = right;
  server = createServer((asked, answer) =>
    asked.url === `/${NAME}` ? page(asked, answer) : answer.writeHead(404).end(),
  );
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  await root.write('/root/versions.json', JSON.stringify(versions()));
  before = await root.listing();
});

afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await root?.[Symbol.asyncDispose]();
});

function versions(): object {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${NAME}`;
  const sha256 = createHash('sha256').update(archive).digest('hex');
  return { schema: 1, driver: { version: '1.0.0-sample', url, sha256 }, tools: { 'tt-flash': '3.10.0' } };
}

const ARGUMENTS = ['--yes', '--versions', '/root/versions.json', '--without', 'tt-smi', '--reboot', 'never'];

function bootstrap(...args: string[]): Promise<RunResult> {
  return root.run(['/mnt/bootstrap.sh', ...ARGUMENTS, ...args], { env: WEB });
}

test('a dry run prints every command and changes nothing', async () => {
  const shown = await bootstrap('--dry-run');
  expect(shown.code, printed(shown)).toBe(0);
  for (const line of [
    'ttkmdctl deploy --package /mnt',
    'install dkms',
    `to /var/cache/ttkmd/${NAME}, with the SHA-256 `,
    'mv -T /usr/src/.ttkmd-source /usr/src/tenstorrent-1.0.0-sample',
    'ttkmdctl reconcile --trigger bootstrap',
    'ttkmdctl service enable\n',
    'pipx install tt-flash==3.10.0',
    'nothing was done: this was a dry run',
  ]) {
    expect(shown.stdout).toContain(line);
  }
  expect(shown.stderr).toContain(`${root.kernel} cannot have the driver yet`);
  expect(changes(before, await root.listing())).toEqual([]);
});

test('what stands in the way is told before anything is done', async () => {
  page = (_, answer) => answer.writeHead(404).end();
  const refused = await bootstrap();
  expect(refused.code, printed(refused)).toBe(6);
  expect(refused.stderr).toContain('cannot be reached: the server answered 404 Not Found');
  expect(refused.stderr).toContain('Nothing was done.');
  expect(changes(before, await root.listing())).toEqual([]);
});

test('a wrong, a truncated and a hanging download end it clearly, with nothing half-installed', async () => {
  const first: RequestListener = (_, answer) => answer.end('changed on the way');
  const short: RequestListener = (_, answer) => {
    answer.writeHead(200, { 'content-length': archive.length });
    answer.write(archive.subarray(0, 100), () => answer.destroy());
  };
  const hangs: RequestListener = (_, answer) => {
    answer.writeHead(200, { 'content-length': archive.length });
    answer.write(archive.subarray(0, 100));
  };
  for (const [listener, words] of [
    [first, 'is not the file that was expected, and was thrown away'],
    [short, `of ${archive.length} bytes`],
    [hangs, 'nothing came for 2 s'],
  ] as const) {
    page = listener;
    const failed = await bootstrap();
    expect(failed.code, printed(failed)).toBe(6);
    expect(failed.stderr).toContain(words);
    expect(failed.stderr).toContain('✗ source');
    expect(failed.stderr).toMatch(/log: \/var\/log\/ttkmd\/bootstrap-.*\.log/);
    const left = await root.run([
      'sh',
      '-c',
      'ls -A /var/cache/ttkmd; ls -Ad /usr/src/*tenstorrent* /usr/src/.[a-z]*',
    ]);
    expect(left.stdout).toBe('');
  }
  page = right;
});

test('Ctrl-C in the middle of the build ends it in good order, and the next call goes on there', async () => {
  const child = root.spawn(['/mnt/bootstrap.sh', ...ARGUMENTS], { env: WEB });
  child.stdin?.end();
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  while (!said.includes('ttkmdctl reconcile') && child.exitCode === null) await sleep(50);
  await sleep(1500);
  process.kill(-(child.pid ?? 0), 'SIGINT');
  const [code] = await once(child, 'close');
  expect(code, said).toBe(130);
  expect(said).toContain('The same command goes on where this one stopped');

  const resumed = await bootstrap();
  expect(resumed.code, printed(resumed)).toBe(0);
  expect(resumed.stdout).toMatch(/^done: driver, service, tt-flash; log: /m);
  expect(resumed.stderr).toContain('✓ source: /usr/src/tenstorrent-1.0.0-sample is there');
  const status = await root.run(['ttkmdctl', 'status']);
  expect(status.stdout).toMatch(new RegExp(`${root.kernel} .* current .* 1\\.0\\.0-sample`));
  const flash = await root.run(['tt-flash', '--version']);
  expect(flash.stdout).toContain('3.10.0');
});

test('the doctor sees what is there and what is missing, and its report is written', async () => {
  const seen = await root.run(['ttkmdctl', 'doctor', '--json', '--bundle', '/tmp/report.txt']);
  const { checks } = JSON.parse(seen.stdout) as {
    checks: { check: string; result: string; evidence: string }[];
  };
  const results = Object.fromEntries(checks.map(({ check, result }) => [check, result]));
  expect(results).toMatchObject({
    'package dkms': 'ok',
    card: 'warning',
    driver: 'ok',
    hooks: 'ok',
    'service ttkmd.service': 'ok',
    'tt-smi': 'warning',
    'tt-flash': 'ok',
  });
  expect(seen.code, printed(seen)).toBe(0);
  expect((await root.run(['cat', '/tmp/report.txt'])).stdout).toContain('== ttkmdctl status');
});

test('a second run has nothing to do, and says so in seconds', async () => {
  const start = Date.now();
  const again = await bootstrap();
  expect(again.code, printed(again)).toBe(0);
  expect(again.stdout).toContain('nothing to do: all is in place');
  expect(Date.now() - start).toBeLessThan(15_000);
});

test('uninstall leaves no trace, and what was exported brings it all back without questions', async () => {
  const exported = await root.run(['ttkmdctl', 'bootstrap', '--export', '-']);
  const done = ['program', 'packages', 'source', 'driver', 'service', 'tt-flash'];
  expect(JSON.parse(exported.stdout)).toMatchObject({
    ...versions(),
    machine: { steps: done, python: 'pipx' },
  });
  const installed = await root.listing();

  const shown = await root.run(['ttkmdctl', 'uninstall', '--dry-run']);
  expect(shown.stdout).toMatch(/would remove packages: .*\bdkms\b/);
  expect(changes(installed, await root.listing())).toEqual([]);
  const removed = await root.run(['ttkmdctl', 'uninstall']);
  expect(removed.code, printed(removed)).toBe(0);
  expect(changes(before, await root.listing())).toEqual([]);

  // Python and its tools would take as long as all the rest once more.
  const machine = JSON.parse(exported.stdout) as { machine: { steps: string[] } };
  machine.machine.steps = done.filter((name) => name !== 'tt-flash');
  await root.write('/root/machine.json', JSON.stringify(machine));
  const fetched = await root.run([
    '/mnt/bootstrap.sh',
    'fetch',
    '/root/mirror',
    '--versions',
    '/root/machine.json',
  ]);
  expect(fetched.code, printed(fetched)).toBe(0);
  // From here on the mirror is all that there is.
  page = (_, answer) => answer.destroy();
  const replayed = await root.run([
    '/mnt/bootstrap.sh',
    '--versions',
    '/root/machine.json',
    '--mirror',
    '/root/mirror',
  ]);
  expect(replayed.code, printed(replayed)).toBe(0);
  expect(replayed.stdout).toMatch(new RegExp(`^done: ${machine.machine.steps.join(', ')}; log: `, 'm'));
  const journal = JSON.parse((await root.run(['cat', JOURNAL])).stdout) as {
    steps: { name: string; done: boolean }[];
  };
  expect(journal.steps.map((step) => [step.name, step.done])).toEqual(
    machine.machine.steps.map((name) => [name, true]),
  );
});
