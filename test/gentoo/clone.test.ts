// `./bootstrap.sh` in a clone on Gentoo under OpenRC, with the real Portage: where Node.js has to come first, and where it
// is there. At a terminal it is interrupted wherever something slow is at work, and goes on there.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Archive, DRIVER_ARCHIVE, packDriver } from '../system/support/archives.ts';
import { clonedFiles } from '../system/support/clone.ts';
import { type CtrlC, expectInterrupted } from '../system/support/ctrl-c.ts';
import { DownloadServer, hangs, serves } from '../system/support/download-server.ts';
import { GitServer } from '../system/support/git-server.ts';
import {
  changes,
  installedVersion,
  printed,
  releaseOf,
  SAMPLE,
  statusOf,
} from '../system/support/machine.ts';
import { addOpenrc, pretendBooted } from '../system/support/openrc.ts';
import { parts } from '../system/support/parts.ts';
import { PROJECT } from '../system/support/project.ts';
import type { RunResult } from '../system/support/sandbox.ts';
import { SilentServer } from '../system/support/silent-server.ts';
import { offerDkms, offerNode } from './support/packages.ts';
import { GentooRoot } from './support/root.ts';

const CLONE = '/srv/ttkmd';
const SLOW = '/run/slow';
const TAG = 'ttkmd-1.0.0-sample';
const WEB = { NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt' };
const LIMIT = 240_000;

const release = releaseOf(parts().kernels.v612, 'gentoo');

let root: GentooRoot;
let server: DownloadServer;
let archive: Archive;
let git: GitServer;
let before: string[];

async function shell(script: string): Promise<string> {
  return (await root.sandbox.run(['sh', '-c', script], { allowFailure: true })).stdout;
}

/** All that lasts, files with their sizes; but for caches, and what Portage notes of its own doings. */
async function listing(): Promise<string[]> {
  const passing = [
    '/var/lib/portage/preserved_libs_registry',
    '/var/lib/portage/config',
    '/var/lib/dpkg',
    '/usr/lib/modules/*/modules.*',
  ].map((path) => `-path '${path}'`);
  const script = `find /boot /etc /opt /usr /var/lib /var/db/pkg -xdev \\( ${passing.join(' -o ')} -o -name '*.cache*' -o -name __pycache__ \\) -prune -o \\( -type f -printf '%p f %m %U:%G %s\\n' -o -printf '%p %y %m %U:%G %l\\n' \\)`;
  return (await shell(script)).split('\n').sort();
}

beforeAll(async () => {
  root = await GentooRoot.create('traditional');
  const { sandbox } = root;
  await addOpenrc(sandbox);
  // As on Gentoo.
  await sandbox.link('bash', '/bin/sh');
  await sandbox.remove('/sbin/init');
  await sandbox.write('/sbin/init', 'ELF', 0o755);
  await pretendBooted(sandbox);
  await sandbox.addKernel(parts().kernels.v612);
  await sandbox.link(`linux-${release}`, '/usr/src/linux');

  archive = await packDriver();
  server = await DownloadServer.create({ [DRIVER_ARCHIVE]: archive });
  await offerDkms(root, { url: server.address(DRIVER_ARCHIVE), content: archive.content });
  await offerNode(root, SLOW);
  // The program itself is Debian's: it is there without Portage.
  await shell('echo dev-vcs/git-2.50.0 >> /etc/portage/profile/package.provided');
  await root.emerge(['--quiet', 'sys-kernel/installkernel']);

  const lay = `mkdir -p ${CLONE} && tar -C ${PROJECT} -c --null --no-recursion -T - | tar -C ${CLONE} -x --no-same-owner`;
  await sandbox.run(['sh', '-c', lay], { input: (await clonedFiles()).join('\0') });
  const source = await sandbox.addDriver();
  const commit = 'git -c user.name=nobody -c user.email=nobody@localhost';
  await shell(
    `mkdir /srv/git && mv ${source} /srv/git/tt-kmd && cd /srv/git/tt-kmd && ${commit} init -q && ${commit} add . && ${commit} commit -qm Sample && git tag ${TAG}`,
  );
  git = await GitServer.create(sandbox.path('/srv/git'));
  before = await listing();
});

afterAll(async () => {
  git?.[Symbol.dispose]();
  server?.[Symbol.dispose]();
  await root?.[Symbol.asyncDispose]();
});

function words(): string[] {
  const chosen = ['--without', 'tt-smi,tt-flash', '--kmd-source', `${git.address('tt-kmd')}#${TAG}`];
  return [`${CLONE}/bootstrap.sh`, ...chosen, '--yes', '--reboot', 'never'];
}

function bootstrap(...args: string[]): Promise<RunResult> {
  return root.sandbox.run([...words(), ...args], { env: WEB, allowFailure: true, timeoutMs: LIMIT });
}

function isInterrupted(moment: CtrlC): Promise<void> {
  return expectInterrupted(root.sandbox, words(), { ...moment, env: { ...WEB, ...moment.env } });
}

test('Node.js is not brought to only look, and Ctrl-C ends its build', async () => {
  const shown = await bootstrap('--dry-run');
  expect(shown.code, printed(shown)).toBe(127);
  expect(shown.stderr).toContain('npm is missing, and is not installed to only look');
  expect(changes(before, await listing())).toEqual([]);
  await root.sandbox.write(SLOW, '');
  await isInterrupted({ words: 'Compiling source', ms: 1000 });
  await root.sandbox.remove(SLOW);
  expect(await shell('ls -d /var/db/pkg/net-libs/nodejs* /usr/bin/node')).toBe('');
});

test('Ctrl-C ends npm that waits for its registry', async () => {
  using registry = await SilentServer.create();
  const env = { npm_config_registry: registry.address, npm_config_cache: '/tmp/npm' };
  await isInterrupted({ words: 'building the program', until: registry.asked(), env });
  expect(await root.sandbox.exists(`${CLONE}/node_modules/.package-lock.json`)).toBe(false);
});

test('Ctrl-C ends emerge that fetches, and git that clones', async () => {
  const path = `/${DRIVER_ARCHIVE}`;
  server.pages.set(
    path,
    hangs(() => archive.content),
  );
  await isInterrupted({ words: 'emerge --ask=n', until: server.asked(path) });
  expect(await shell('ls -d /var/db/pkg/sys-kernel/dkms* /usr/sbin/dkms')).toBe('');
  server.pages.set(path, serves(archive));
  git.slow = true;
  await isInterrupted({ words: 'git clone', ms: 1000 });
  git.slow = false;
  expect(await shell('ls -A /usr/src')).not.toContain('tenstorrent');
});

test('the options of kernels fail where they cannot be written, and come', async () => {
  const fails = async (breaks: string, mend: string, words: string): Promise<void> => {
    await shell(breaks);
    const failed = await bootstrap('--only', 'kernel-options');
    await shell(mend);
    expect(failed.code, printed(failed)).toBe(6);
    expect(failed.stderr).toContain('✗ kernel-options');
    expect(failed.stderr).toContain(words);
  };
  // Its configuration lacks CONFIG_HWMON.
  const lacking = '6.12.1-gentoo-cloud';
  await root.sandbox.addKernel(parts().kernels.cloud, { release: lacking });
  const folder = '/etc/kernel/config.d';
  await fails(`echo mine > ${folder}`, `rm ${folder}`, folder);
  const closed = `mkdir ${folder} && mount -t tmpfs -o ro none ${folder}`;
  await fails(closed, `umount ${folder} && rmdir ${folder}`, 'read-only');
  const done = await bootstrap('--only', 'kernel-options');
  expect(done.code, printed(done)).toBe(0);
  expect(await root.sandbox.read(`${folder}/50-tenstorrent.config`)).toContain('CONFIG_HWMON=y');
  await root.sandbox.removeKernel(lacking);
});

test('it goes on there: everything comes, under OpenRC', async () => {
  const done = await bootstrap();
  expect(done.code, printed(done)).toBe(0);
  expect(done.stderr).toContain('✓ packages: all are installed');
  expect(await installedVersion(root.sandbox, release)).toBe(SAMPLE);
  const services = await root.sandbox.ttkmdctl(['service', 'status']);
  expect(services.stdout, printed(services)).toMatch(/ttkmd +enabled, running\n/);
  const { kernels } = await statusOf(root.sandbox);
  const found = kernels.find((one) => one.release === release);
  expect(found?.module).toMatchObject({ state: 'current', version: SAMPLE });
  const start = Date.now();
  const again = await bootstrap();
  expect(again.stdout, printed(again)).toContain('nothing to do: all is in place');
  expect(Date.now() - start).toBeLessThan(15_000);
});

test('uninstall gives it all back, Node.js too', async () => {
  await isTakenBack();
});

test('where npm is there, nothing is asked of Portage, and it stays', async () => {
  await root.emerge(['--quiet', 'net-libs/nodejs']);
  await root.sandbox.run(['rm', '-r', `${CLONE}/dist`]);
  before = await listing();
  const done = await bootstrap('--only', 'program');
  expect(done.code, printed(done)).toBe(0);
  expect(printed(done)).not.toContain('emerge');
  expect(done.stdout).toMatch(/^done: program; log: /m);
  await isTakenBack();
});

async function isTakenBack(): Promise<void> {
  const removed = await root.sandbox.run(['ttkmdctl', 'uninstall'], { allowFailure: true, timeoutMs: LIMIT });
  expect(removed.code, printed(removed)).toBe(0);
  expect(changes(before, await listing())).toEqual([]);
  expect(root.sandbox.processes()).toEqual([]);
}
