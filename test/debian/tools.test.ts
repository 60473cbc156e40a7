// Every step at once in a fresh Debian, with Tenstorrent's tools from PyPI where this machine reaches it: by a virtual
// environment, then by uv and into an active environment. All of it goes again. By pipx, the usual way,
// bootstrap.test.ts installs them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CtrlC, expectInterrupted } from '../system/support/ctrl-c.ts';
import type { FreshRoot } from '../system/support/fresh-root.ts';
import { changes, printed } from '../system/support/machine.ts';
import type { RunResult } from '../system/support/sandbox.ts';
import { BOOTSTRAP, BootstrapRoot, BUNDLE, WEB } from './support/bootstrap-root.ts';
import { offerPackages } from './support/own-packages.ts';

const CHOSEN = 'sfpi,podman,tt-metalium,tt-inference-server';
const TOOLS = 'tt-smi,tt-flash,tt-topology';

let made: BootstrapRoot;
let root: FreshRoot;
let before: string[];
/** Why the tools cannot come from PyPI here. */
let why: string | undefined;
/** All steps that there are on Debian; without the tools where they cannot come. */
let all: string[];

beforeAll(async () => {
  made = await BootstrapRoot.create({ sfpi: 20_000 });
  ({ root } = made);
  await shell('useradd --create-home me');
  // As a user is who was there before containers were: Debian's useradd hands out ids, others do not.
  await shell("sed -i '/^me:/d' /etc/subuid /etc/subgid; rm -f /etc/subuid- /etc/subgid-");
  await offerPackages(root, ['podman', 'slirp4netns', 'fuse-overlayfs']);
  why = await unreachable();
  const chosen = ['--python', 'venv', '--reboot', 'never', '--with'];
  all = why === undefined ? [...chosen, `${TOOLS},${CHOSEN}`] : [...chosen, CHOSEN, '--without', TOOLS];
  before = await root.listing();
});

afterAll(async () => {
  await made?.[Symbol.asyncDispose]();
});

/** Asks as pip does: by Python, with its certificates. */
async function unreachable(): Promise<string | undefined> {
  const ask = "import urllib.request; urllib.request.urlopen('https://pypi.org/simple/tt-smi/', timeout=20)";
  const { code, stderr } = await root.run(['python3', '-c', ask], { env: WEB });
  return code === 0 ? undefined : `PyPI cannot be reached: ${stderr.trim().split('\n').at(-1)}`;
}

function bootstrap(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  return made.run(['--yes', ...args], { SUDO_USER: 'me', ...env });
}

function shell(script: string): Promise<RunResult> {
  return made.shell(script);
}

function isInterrupted(moment: CtrlC): Promise<void> {
  const env = { ...WEB, SUDO_USER: 'me' };
  return expectInterrupted(root, [...BOOTSTRAP, '--yes', ...all], { ...moment, env });
}

test('Ctrl-C in the middle of dpkg, of pip and of tar ends each of them at once', async () => {
  await isInterrupted({ words: 'packages', runs: '--unpack', ms: 200 });
  if (why === undefined) await isInterrupted({ words: 'tt-smi', runs: 'bin/pip install', ms: 1000 });
  await isInterrupted({ words: 'sfpi', runs: 'tar --extract', ms: 0 });
  const left = await shell(`ls -d /opt/tenstorrent/sfpi; ls -A /var/cache/ttkmd`);
  expect(left.stdout).not.toMatch(/^\/opt|\.new/m);
});

test('firmware comes as far as tt-flash takes it where there is no card', async ({ skip }) => {
  if (why !== undefined) skip(why);
  const steps = ['--only', 'firmware', '--update-firmware', '--python', 'venv'];
  const unloaded = await bootstrap(steps);
  expect(unloaded.code, printed(unloaded)).toBe(6);
  expect(unloaded.stderr).toContain('The driver is not loaded');
  await shell('mkdir -p /sys/module/tenstorrent; echo 0 > /sys/module/tenstorrent/refcnt');
  const refused = await bootstrap(steps);
  await shell('rm -r /sys/module');
  expect(refused.code, printed(refused)).toBe(6);
  expect(refused.stderr).toContain(`tt-flash flash /var/cache/ttkmd/${BUNDLE} ended with`);
});

test('it goes on there, until every step is done', async () => {
  const done = await bootstrap(all);
  expect(done.code, printed(done)).toBe(0);
  expect(done.stdout).toMatch(new RegExp(`^done: ${CHOSEN.replaceAll(',', ', ')}; log: `, 'm'));
  const again = await bootstrap(all);
  expect(again.stdout, printed(again)).toContain('nothing to do: all is in place');
  const { stdout } = await root.run(['ttkmdctl', 'status']);
  expect(stdout).toMatch(new RegExp(`${root.kernel} .* current .* 1\\.0\\.0-sample`));
});

test("Tenstorrent's tools come from PyPI by venv, uv and an active environment, and start", async ({
  skip,
}) => {
  if (why !== undefined) skip(why);
  // tt-topology would leave a cache in its user's home.
  const version = async (name: string) =>
    (await root.run([name, '--version'], { env: { HOME: '/dev/null' } })).stdout.trim();
  const venv = ['--only', 'program,tt-smi,tt-topology', '--python', 'venv'];
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

test('uninstall leaves no trace of any of it', async () => {
  const removed = await root.run(['ttkmdctl', 'uninstall']);
  expect(removed.code, printed(removed)).toBe(0);
  expect((await shell('ls /home/me/venv/bin/tt-flash')).stdout).toBe('');
  // The environment is its owner's, and so is what came into it beside the tool.
  await shell('rm -rf /home/me/venv');
  expect(changes(before, await root.listing())).toEqual([]);
});
