// `sudo ./bootstrap.sh` from a clone, in a fresh Debian that has neither Node.js nor npm: the distribution's come first,
// the program is built by whoever called sudo, and all of it goes again.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clonedFiles } from '../system/support/clone.ts';
import { command } from '../system/support/command.ts';
import { type CtrlC, expectInterrupted } from '../system/support/ctrl-c.ts';
import { FreshRoot } from '../system/support/fresh-root.ts';
import { changes, printed } from '../system/support/machine.ts';
import { PROJECT } from '../system/support/project.ts';
import type { RunResult } from '../system/support/sandbox.ts';
import { SilentServer } from '../system/support/silent-server.ts';

const ONLY_PROGRAM = ['--yes', '--only', 'program'];
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** The clone's owner, as useradd makes the first user. */
const USER = 1000;

/** Milliseconds for a few hundred packages on a machine that has other things to do. */
const LIMIT = 600_000;

let root: FreshRoot;
let clone: string;
let before: string[];

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'clone-'));
  for (const name of await clonedFiles()) await cp(join(PROJECT, name), join(clone, name));
  await command(['chown', '-R', `${USER}:${USER}`, clone]);
  await command(['chmod', '755', clone]);
  root = await FreshRoot.create(clone);
  await root.run(['useradd', '--create-home', '--uid', String(USER), 'me']);
  before = await root.listing();
});

afterAll(async () => {
  await root?.[Symbol.asyncDispose]();
  if (clone !== undefined) await rm(clone, { recursive: true });
});

function bootstrap(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return root.run(['/mnt/bootstrap.sh', ...ONLY_PROGRAM, ...args], {
    env: { SUDO_USER: 'me', NODE_EXTRA_CA_CERTS: CERTIFICATES, ...env },
  });
}

test('nothing is installed to only look, nor without rights', async () => {
  for (const look of ['--dry-run', '--list', '--help']) {
    const shown = await bootstrap([look]);
    expect(shown.code, printed(shown)).toBe(127);
    expect(shown.stderr).toContain('npm is missing, and is not installed to only look');
  }
  const user = await root.run(['setpriv', '--reuid', String(USER), '--clear-groups', '/mnt/bootstrap.sh']);
  expect(user.code, printed(user)).toBe(4);
  expect(user.stderr).toContain('run this by sudo');
  expect(changes(before, await root.listing())).toEqual([]);
});

function isInterrupted(moment: CtrlC, limit?: number): Promise<void> {
  const env = { SUDO_USER: 'me', NODE_EXTRA_CA_CERTS: CERTIFICATES, ...moment.env };
  return expectInterrupted(root, ['/mnt/bootstrap.sh', ...ONLY_PROGRAM], { ...moment, env }, limit);
}

test('lists of packages that do not come are told of', async () => {
  const sources = '/etc/apt/sources.list.d/x.list';
  await root.write(sources, 'nonsense\n');
  const lists = await bootstrap();
  await root.run(['rm', sources]);
  expect(lists.code, printed(lists)).toBe(6);
  expect(lists.stderr).toContain('apt-get update failed, which was to bring Node.js and npm');
});

test(
  'Ctrl-C in the middle of an installation ends it, and does not stand in the way of the next call',
  // apt-get lets dpkg end what it is at.
  () => isInterrupted({ words: 'installing it', runs: '--unpack', ms: 1000 }, LIMIT / 4),
  LIMIT,
);

test(
  'packages of npm’s that do not come are told of, and what came is known to whoever takes it back',
  async () => {
    const registry = { npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' };
    const packages = await bootstrap([], registry);
    expect(packages.code, printed(packages)).toBe(6);
    expect(packages.stderr).toContain('npm could not bring what the program is built with');
    expect((await root.run(['cat', '/var/lib/ttkmd/brought'])).stdout).toMatch(/^nodejs$/m);
  },
  LIMIT,
);

test('Ctrl-C ends npm that waits for its registry', async () => {
  using registry = await SilentServer.create();
  const env = { npm_config_registry: registry.address };
  await isInterrupted({ words: 'building the program', until: registry.asked(), env });
});

test(
  'it goes on there: the program is built by the owner of the clone, and installed',
  async () => {
    const done = await bootstrap();
    expect(done.code, printed(done)).toBe(0);
    expect(done.stdout).toMatch(/^done: program; log: /m);
    expect((await root.run(['find', '/mnt', '-uid', '0'])).stdout).toBe('');
    const version = await root.run(['ttkmdctl', '--version']);
    expect(version.stdout, printed(version)).toMatch(/\d+\.\d+\.\d+/);
    const start = Date.now();
    const again = await bootstrap();
    expect(again.stdout, printed(again)).toContain('nothing to do: all is in place');
    expect(Date.now() - start).toBeLessThan(15_000);
  },
  LIMIT,
);

test(
  'uninstall takes Node.js and npm off, too',
  async () => {
    const removed = await root.run(['ttkmdctl', 'uninstall']);
    expect(removed.code, printed(removed)).toBe(0);
    // What npm keeps for its user is that user's.
    await root.run(['rm', '-rf', '/home/me/.npm']);
    expect(changes(before, await root.listing())).toEqual([]);
  },
  LIMIT,
);
