// What a bootstrap brings by choice only, in a fresh Debian: containers and firmware; what is told before anything is
// done; and all of it taken back.

import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DRIVER_ARCHIVE } from '../system/support/archives.ts';
import { type DownloadServer, hangs, serves } from '../system/support/download-server.ts';
import type { FreshRoot } from '../system/support/fresh-root.ts';
import { changes, printed } from '../system/support/machine.ts';
import type { RunResult } from '../system/support/sandbox.ts';
import { BOOTSTRAP, BootstrapRoot, BUNDLE, WEB } from './support/bootstrap-root.ts';
import { interruptAfter } from './support/interrupt.ts';
import { offerPackages } from './support/own-packages.ts';
import { Publishers } from './support/publishers.ts';

const ENVIRONMENT = '/srv/venv';

let made: BootstrapRoot;
let root: FreshRoot;
let server: DownloadServer;
let before: string[];

/** A tt-flash that notes what it was asked, and does not answer well where it is told so. */
const FLASH = `#!/bin/sh
echo "$@" >> /tmp/flashed
if [ -e /tmp/refuse ]; then echo 'Board 0 did not come back'; exit 1; fi
echo 'Board 0: FLASH SUCCESS'
`;

beforeAll(async () => {
  made = await BootstrapRoot.create();
  ({ root, server } = made);
  await root.write('/root/misspelt.json', JSON.stringify({ ...made.versions(), frimware: {} }));
  await root.write(`${ENVIRONMENT}/bin/tt-flash`, FLASH);
  await shell(`touch ${ENVIRONMENT}/bin/pip; chmod 755 ${ENVIRONMENT}/bin/*; useradd --create-home me`);
  // As a user is who was there before containers were: Debian's useradd hands out ids, others do not.
  await shell("sed -i '/^me:/d' /etc/subuid /etc/subgid; rm -f /etc/subuid- /etc/subgid-");
  await offerPackages(root, ['podman', 'slirp4netns', 'fuse-overlayfs']);
  before = await root.listing();
});

afterAll(async () => {
  await made?.[Symbol.asyncDispose]();
});

function bootstrap(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
  return made.run(['--yes', ...args], { SUDO_USER: 'me', ...env });
}

function shell(script: string): Promise<RunResult> {
  return made.shell(script);
}

test.each<[string, readonly string[], number, string, string]>([
  ['an option that names nothing', ['--only', ''], 2, '--only names nothing', 'Leave --only out'],
  ['an unknown step', ['--only', 'podmann'], 2, 'no step called podmann', 'The steps are'],
  [
    'a step that is asked for and left out',
    ['--with', 'sfpi', '--without', 'sfpi'],
    2,
    'sfpi is both',
    'Take sfpi',
  ],
  [
    'a misspelt entry',
    ['--versions', '/root/misspelt.json'],
    2,
    'frimware is unknown (firmware is meant?)',
    '--export',
  ],
  [
    'a mirror that is not there',
    ['--mirror', '/srv/none'],
    2,
    'no folder /srv/none',
    'bootstrap fetch /srv/none',
  ],
  ['no uv', ['--only', 'tt-smi', '--python', 'uv'], 6, 'no command uv here', 'choose --python pipx or venv'],
  [
    'no active environment',
    ['--only', 'tt-smi', '--python', 'active'],
    6,
    'No virtual environment',
    'VIRTUAL_ENV',
  ],
  [
    'no tt-flash',
    ['--only', 'firmware', '--update-firmware'],
    6,
    'bin/tt-flash, which is not here',
    '--only tt-flash',
  ],
  ['an ebuild on Debian', ['--kmd-source', 'ebuild'], 6, 'there is no emerge here', 'Leave --kmd-source out'],
  ['a driver without dkms', ['--only', 'driver'], 6, 'needs the command dkms', '--only packages,driver'],
])('%s is told before anything is done', async (_, args, code, message, hint) => {
  const refused = await bootstrap(args);
  expect(refused.code, printed(refused)).toBe(code);
  expect(refused.stderr).toContain(message);
  expect(refused.stderr).toContain(hint);
  expect(changes(before, await root.listing())).toEqual([]);
});

test('so are a caller without rights, a read-only /usr, no way to PyPI, and a bootstrap at work', async () => {
  const nobody = await root.run([
    'setpriv',
    '--reuid',
    '65534',
    '/mnt/bootstrap.sh',
    '--only',
    'tt-metalium',
  ]);
  expect(nobody.code, printed(nobody)).toBe(4);
  expect(nobody.stderr).toContain('This needs root.');

  await shell('mount --bind /usr /usr; mount -o remount,ro,bind /usr');
  const closed = await bootstrap(['--only', 'program,source']);
  await shell('umount --lazy /usr');
  expect(closed.code, printed(closed)).toBe(6);
  for (const folder of ['/usr', '/usr/src']) {
    expect(closed.stderr).toContain(`${folder} is on a file system that is mounted read-only.`);
  }

  for (const [env, words] of [
    [{ SSL_CERT_FILE: '/none.pem' }, 'The certificates in /none.pem cannot be read'],
    [{ https_proxy: 'http://[' }, 'The variable https_proxy names no address: http://['],
  ] as const) {
    const refused = await bootstrap(['--only', 'packages,tt-smi'], env);
    expect(refused.code, printed(refused)).toBe(2);
    expect(refused.stderr).toContain(words);
  }
  const alone = await bootstrap(['--only', 'packages,tt-smi'], { https_proxy: '127.0.0.1:9' });
  expect(alone.code, printed(alone)).toBe(6);
  expect(alone.stderr).toContain('https://pypi.org/simple/tt-smi/ cannot be reached: connect ECONNREFUSED');
  expect(alone.stderr).toContain('Nothing was done.');

  await shell('mkdir -p /run/ttkmd');
  const other = root.spawn(['flock', '/run/ttkmd/bootstrap.lock', 'sh', '-c', 'echo held; cat']);
  await once(other.stdout ?? other, 'data');
  const second = await bootstrap(['--only', 'podman']);
  other.stdin?.end();
  await once(other, 'close');
  expect(second.code, printed(second)).toBe(5);
  expect(second.stderr).toContain('Another bootstrap is at work.');
  expect(changes(before, await root.listing())).toEqual([]);
});

test('the newest versions come from their publishers, by proxy and own certificates, with a checksum or not at all', async () => {
  await using publishers = await Publishers.create();
  await root.write('/root/authority.pem', publishers.certificate);
  const env = { ...WEB, SSL_CERT_FILE: '/root/authority.pem', https_proxy: publishers.proxy };
  const steps = ['--versions', 'latest', '--only', 'source,tt-smi,sfpi'];
  const run = (...args: string[]) => root.run(['/mnt/bootstrap.sh', ...steps, ...args], { env });
  publishers.offer('tt-kmd', 'ttkmd-9.0.0', { 'tenstorrent-dkms_9.0.0_all.deb': 'a'.repeat(64) });
  publishers.offer('sfpi', 'v8.0.0', { 'sfpi_8.0.0_x86_64_debian.txz': null });
  const refused = await run('--dry-run');
  expect(refused.code, printed(refused)).toBe(6);
  expect(refused.stderr).toContain('tt-kmd 9.0.0 (ttkmd-9.0.0 of tenstorrent/tt-kmd) has no SHA-256');
  expect(refused.stderr).toContain('SFPI for x86_64 8.0.0');
  expect(refused.stderr).toContain(
    'https://pypi.org/pypi/tt-smi/json could not be downloaded: the server answered 404',
  );
  expect(refused.stderr).toContain('tt-kmd.git#ttkmd-9.0.0');

  publishers.offer('tt-kmd', 'ttkmd-9.0.0', { 'tt-kmd-9.0.0.tar.gz': 'a'.repeat(64) });
  publishers.offer('sfpi', 'v8.0.0', {
    'sfpi_8.0.0_x86_64_debian.txz': made.archives[DRIVER_ARCHIVE].sha256,
  });
  publishers.pages.set(
    'pypi.org/pypi/tt-smi/json',
    '{"info":{"name":"tt-smi","version":"9.8.7","yanked":false},"last_serial":1,"releases":{"9.8.7":[]},"urls":[]}',
  );
  publishers.offerFile(
    'sfpi',
    'v8.0.0',
    'sfpi_8.0.0_x86_64_debian.txz',
    made.archives[DRIVER_ARCHIVE].content,
  );
  const listed = await run('--list');
  for (const line of [/● source .*: 9\.0\.0$/m, /● tt-smi .*: 9\.8\.7$/m, /● sfpi .*: 8\.0\.0$/m])
    expect(listed.stdout).toMatch(line);
  const brought = await run('fetch', '/tmp/newest', '--without', 'source,tt-smi');
  expect(printed(brought)).toContain('is both asked for and left out');
  const fetched = await root.run(
    ['/mnt/bootstrap.sh', 'fetch', '/tmp/newest', '--versions', 'latest', '--only', 'sfpi'],
    { env },
  );
  expect(fetched.code, printed(fetched)).toBe(0);
  const found = await shell(
    'sha256sum < /tmp/newest/sfpi_8.0.0_x86_64_debian.txz; rm -r /tmp/newest /root/authority.pem',
  );
  expect(found.stdout).toContain(made.archives[DRIVER_ARCHIVE].sha256);
  const stranger = await root.run(['/mnt/bootstrap.sh', ...steps, '--list'], {
    env: { ...WEB, https_proxy: publishers.proxy },
  });
  expect(stranger.stderr).toMatch(/could not be downloaded: .*self-signed certificate/);
  expect(changes(before, await root.listing())).toEqual([]);
});

/** Breaks something, sees the step fail for it, and mends it. */
async function failsOnce(
  step: string,
  {
    run,
    breaks,
    mend,
    words,
  }: { run: () => Promise<RunResult>; breaks: string; mend: string; words: string },
): Promise<void> {
  await shell(breaks);
  const failed = await run();
  await shell(mend);
  expect(failed.code, printed(failed)).toBe(6);
  expect(failed.stderr).toContain(words);
  expect(failed.stderr).toContain(`✗ ${step}`);
}

test('podman fails at its packages and at its ids, goes on there, and is rootless for the caller', async () => {
  const run = () => bootstrap(['--only', 'podman']);
  const deb = '/srv/packages/podman.deb';
  await failsOnce('podman', {
    run,
    breaks: `mv ${deb} ${deb}.away; echo no package > ${deb}`,
    mend: `mv ${deb}.away ${deb}`,
    words:
      'apt-get --quiet --yes --no-install-recommends install podman uidmap slirp4netns fuse-overlayfs ended with 100',
  });
  await failsOnce('podman', {
    run,
    breaks: 'mount --bind /etc/subgid /etc/subgid',
    mend: 'umount /etc/subgid',
    words: 'usermod --add-subgids 100000-165535 me ended with',
  });
  const done = await run();
  expect(done.code, printed(done)).toBe(0);
  expect(done.stderr).not.toContain('apt-get');
  const { stdout } = await shell('grep ^me: /etc/subuid /etc/subgid; newuidmap 2>&1 | head -n 1');
  expect(stdout).toMatch(/^\/etc\/subuid:me:100000:65536\n\/etc\/subgid:me:100000:65536\nusage: newuidmap/);
  expect((await run()).stdout).toContain('nothing to do: all is in place');
});

test('firmware is written once, by tt-flash, and never to a card in use', async () => {
  const steps = ['--only', 'firmware', '--update-firmware', '--python', 'active'];
  const run = () => bootstrap(steps, { VIRTUAL_ENV: ENVIRONMENT });
  const answers = (page: RequestListener) => server.pages.set(`/${BUNDLE}`, page);
  const flashed = async () => (await shell('cat /tmp/flashed')).stdout;
  const users = (count: number) =>
    `mkdir -p /sys/module/tenstorrent; echo ${count} > /sys/module/tenstorrent/refcnt`;

  answers((_, answer) => answer.end('another bundle'));
  await failsOnce('firmware', {
    run,
    breaks: users(0),
    mend: ':',
    words: 'is not the file that was expected',
  });
  answers(serves(made.archives[BUNDLE]));
  await failsOnce('firmware', { run, breaks: users(2), mend: users(0), words: 'The driver is used 2 times' });
  await failsOnce('firmware', {
    run,
    breaks: 'rm -r /sys/module',
    mend: users(0),
    words: 'The driver is not loaded',
  });
  expect(await flashed()).toBe('');
  await failsOnce('firmware', {
    run,
    breaks: 'touch /tmp/refuse',
    mend: 'rm /tmp/refuse /tmp/flashed',
    words: 'Board 0 did not come back',
  });
  const done = await run();
  expect(done.code, printed(done)).toBe(0);
  expect(done.stderr).toContain('Board 0: FLASH SUCCESS');
  expect(await flashed()).toBe(`flash /var/cache/ttkmd/${BUNDLE}\n`);
  expect((await run()).stdout).toContain('nothing to do: all is in place');
  expect(await flashed()).toBe(`flash /var/cache/ttkmd/${BUNDLE}\n`);
  await shell('rm -r /sys/module');
});

test('Ctrl-C while a download hangs ends it at once, with nothing half-installed', async () => {
  server.pages.set(
    `/${DRIVER_ARCHIVE}`,
    hangs(() => made.archives[DRIVER_ARCHIVE].content),
  );
  const interrupted = await interruptAfter(root, [...BOOTSTRAP, '--only', 'source'], {
    env: { ...WEB, TTKMD_DOWNLOAD_PATIENCE: '60000' },
    words: '    download ',
    ms: 200,
  });
  expect(interrupted.code, interrupted.stderr).toBe(130);
  const left = await shell('ls -d /var/cache/ttkmd/.??* /var/cache/ttkmd/tt-kmd* /usr/src/* /usr/src/.??*');
  expect(left.stdout).toBe('');
  server.pages.set(`/${DRIVER_ARCHIVE}`, serves(made.archives[DRIVER_ARCHIVE]));
  const done = await bootstrap(['--only', 'program,source']);
  expect(done.code, printed(done)).toBe(0);
});

test('a hook that somebody took away fails to come back, and comes', async () => {
  const folder = '/etc/kernel/postinst.d';
  await shell(`rm ${folder}/35-ttkmd`);
  const run = () => bootstrap(['--only', 'hooks']);
  const breaks = `mount -t tmpfs -o ro none ${folder}`;
  await failsOnce('hooks', { run, breaks, mend: `umount ${folder}`, words: 'read-only' });
  expect((await run()).stdout).toMatch(/^done: hooks; log: /m);
  expect((await shell(`ls ${folder}`)).stdout).toContain('35-ttkmd');
});

/** Somebody who has dpkg's database for himself. */
const DPKG_HOLDER =
  "import fcntl, sys; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()";

test('uninstall waits for whoever is at work, goes on after it, and leaves no trace of any of it', async () => {
  for (const [argv, code, words] of [
    [
      ['flock', '/run/ttkmd/bootstrap.lock', 'sh', '-c', 'echo held; cat'],
      5,
      'Another bootstrap is at work.',
    ],
    [['python3', '-c', DPKG_HOLDER], 6, 'dpkg frontend lock was locked by another process'],
  ] as const) {
    const holder = root.spawn(argv);
    await once(holder.stdout ?? holder, 'data');
    const refused = await root.run(['ttkmdctl', 'uninstall']);
    holder.stdin?.end();
    await once(holder, 'close');
    expect(refused.code, printed(refused)).toBe(code);
    expect(refused.stderr).toContain(words);
  }
  const removed = await root.run(['ttkmdctl', 'uninstall'], { env: { SUDO_USER: 'me' } });
  expect(removed.code, printed(removed)).toBe(0);
  expect(changes(before, await root.listing())).toEqual([]);
});
