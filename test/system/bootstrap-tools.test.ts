// Tenstorrent's tools from PyPI, where this machine reaches it: by a virtual environment, by uv, into an active
// environment. They start, and go again. By pipx, the usual way, bootstrap.test.ts installs them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { FreshRoot, unpackedRelease } from './support/fresh-root.ts';
import { interruptAfter } from './support/interrupt.ts';
import { changes, printed } from './support/machine.ts';
import type { RunResult } from './support/sandbox.ts';

const WEB = { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt' };
const BOOTSTRAP = ['/mnt/bootstrap.sh', '--versions', '/root/versions.json', '--yes'];

let root: FreshRoot;
let before: string[];
/** Why the tools cannot come from PyPI here. */
let why: string | undefined;

beforeAll(async () => {
  root = await FreshRoot.create(await unpackedRelease());
  const driver = { version: '1.0', url: 'http://127.0.0.1:9/kmd.tar.gz', sha256: 'a'.repeat(64) };
  const tools = { 'tt-smi': '6.1.0', 'tt-flash': '3.10.0', 'tt-topology': '1.2.20' };
  await root.write('/root/versions.json', JSON.stringify({ schema: 1, driver, tools }));
  await shell('useradd --create-home me');
  why = await unreachable();
  before = await root.listing();
});

afterAll(async () => {
  await root?.[Symbol.asyncDispose]();
});

/** Asks as pip does: by Python, with its certificates. */
async function unreachable(): Promise<string | undefined> {
  const ask = "import urllib.request; urllib.request.urlopen('https://pypi.org/simple/tt-smi/', timeout=20)";
  const { code, stderr } = await root.run(['python3', '-c', ask], { env: WEB });
  return code === 0 ? undefined : `PyPI cannot be reached: ${stderr.trim().split('\n').at(-1)}`;
}

function bootstrap(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  return root.run([...BOOTSTRAP, ...args], { env: { ...WEB, SUDO_USER: 'me', ...env } });
}

function shell(script: string): Promise<RunResult> {
  return root.run(['sh', '-c', script]);
}

test("Tenstorrent's tools come from PyPI by venv, uv and an active environment, and start", async ({
  skip,
}) => {
  if (why !== undefined) skip(why);
  // tt-topology would leave a cache in its user's home.
  const version = async (name: string) =>
    (await root.run([name, '--version'], { env: { HOME: '/dev/null' } })).stdout.trim();
  const venv = ['--only', 'program,tt-smi,tt-topology', '--python', 'venv'];
  const interrupted = await interruptAfter(root, [...BOOTSTRAP, ...venv], {
    env: WEB,
    words: 'bin/pip install',
    ms: 2500,
  });
  expect(interrupted.code, interrupted.stderr).toBe(130);
  const smi = await bootstrap(venv);
  expect(smi.code, printed(smi)).toBe(0);
  expect([await version('tt-smi'), await version('tt-topology')]).toEqual(['6.1.0', '1.2.20']);
  // It starts, and finds no driver: that is its own word.
  expect(printed(await root.run(['tt-smi', '-ls']))).toContain('No Tenstorrent driver detected');
  const { stdout } = await root.run(['ttkmdctl', 'doctor']);
  expect(stdout).toMatch(/✓ tt-smi +starts, and is 6\.1\.0/);
  expect(stdout).toMatch(/✓ tt-topology +starts, and is 1\.2\.20/);

  // As after an update of the distribution's Python: what was installed with the old one is made anew.
  await shell('ln -sf /usr/bin/python3.0 /opt/ttkmd/tools/bin/python3');
  const shown = await bootstrap([...venv, '--dry-run']);
  expect(shown.stdout).toContain('the Python that tt-smi 6.1.0 was installed with is gone');
  expect(shown.stdout).toContain('rm -rf /opt/ttkmd/tools');

  const pip = `PIP_CERT=${WEB.SSL_CERT_FILE} /tmp/uv/bin/pip --no-cache-dir`;
  await shell(`python3 -m venv /tmp/uv && ${pip} install --quiet uv`);
  await shell('ln -s /tmp/uv/bin/uv /usr/local/bin/uv');
  const flash = await bootstrap(['--only', 'tt-flash', '--python', 'uv']);
  expect(flash.code, printed(flash)).toBe(0);
  expect(await version('tt-flash')).toBe('3.10.0');
  await shell('rm /usr/local/bin/uv');

  await shell('runuser -u me -- python3 -m venv /home/me/venv');
  const active = await bootstrap(['--only', 'tt-flash', '--python', 'active'], {
    VIRTUAL_ENV: '/home/me/venv',
  });
  expect(active.code, printed(active)).toBe(0);
  const { stdout: found } = await shell(
    '/home/me/venv/bin/tt-flash --version; stat -c %U /home/me/venv/bin/tt-flash',
  );
  expect(found).toBe('3.10.0\nme\n');
});

test('uninstall leaves no trace of them', async ({ skip }) => {
  if (why !== undefined) skip(why);
  const removed = await root.run(['ttkmdctl', 'uninstall']);
  expect(removed.code, printed(removed)).toBe(0);
  expect((await shell('ls /home/me/venv/bin/tt-flash')).stdout).toBe('');
  // The environment is its owner's, and so is what came into it beside the tool.
  await shell('rm -rf /home/me/venv');
  expect(changes(before, await root.listing())).toEqual([]);
});
