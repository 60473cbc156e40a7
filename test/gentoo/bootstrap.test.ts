// The bootstrap of a Gentoo root with the real Portage: packages, keywords and USE flags of our own, the ebuild, and back.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installedVersion, printed, releaseOf } from '../system/support/machine.ts';
import { parts } from '../system/support/parts.ts';
import type { RunResult } from '../system/support/sandbox.ts';
import { offerDkms } from './support/packages.ts';
import { GentooRoot, releaseFolder } from './support/root.ts';

const DRIVER = '2.10.0';
const release = releaseOf(parts().kernels.v612, 'gentoo');
const KEYWORDS = '/etc/portage/package.accept_keywords';
const USE = '/etc/portage/package.use';
/** The packages that Portage has put down as installed, and those that somebody asked for. */
const INSTALLED = 'ls -d /var/db/pkg/*/* | sort; cat /var/lib/portage/world';

let root: GentooRoot;
let before: string;
let packagesBefore: string;
let binaries: ChildProcess | undefined;

function bootstrap(...args: string[]): Promise<RunResult> {
  const words = [`${releaseFolder()}/bootstrap.sh`, '--without', 'tt-smi,tt-flash', '--kmd-source', 'ebuild'];
  return root.sandbox.run([...words, ...args], { allowFailure: true, timeoutMs: 240_000 });
}

async function shell(script: string): Promise<string> {
  return (await root.sandbox.run(['sh', '-c', script], { allowFailure: true })).stdout;
}

/** Everything below the folders that a bootstrap writes to. */
function listing(): Promise<string> {
  const folders = '/etc /usr/src /usr/lib/kernel /usr/lib/ttkmd /usr/bin /opt /var/lib/ttkmd /lib/modules';
  return shell(
    `find ${folders} -xdev \\( -name '*.cache*' -o -name '._*' -o -name 'modules.*' \\) -prune -o -printf '%p %y %m %l\\n' | sort`,
  );
}

const BINARIES = '/srv/binaries';

/** dkms comes as a binary package, from a host behind an address, and in no other way any more. */
async function offerBinary(): Promise<void> {
  await root.emerge(['--quiet', '--buildpkgonly', 'sys-kernel/dkms'], { env: { USE: 'systemd' } });
  await shell(`mkdir -p ${BINARIES} && mv /var/cache/binpkgs/* ${BINARIES}/`);
  const folder = '/var/db/repos/gentoo/sys-kernel/dkms';
  await shell(`sed -i 's/^src_install.*/src_install() { die "from source"; }/' ${folder}/dkms-3.2.2.ebuild`);
  const serve =
    'import http.server, sys; s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler); print(s.server_port, flush=True); s.serve_forever()';
  binaries = root.sandbox.spawn(['python3', '-c', serve], {
    cwd: BINARIES,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [port] = (await once(binaries.stdout ?? binaries, 'data')) as [Buffer];
  const address = `http://127.0.0.1:${port.toString().trim()}/`;
  await root.sandbox.write(
    '/etc/portage/binrepos.conf/own.conf',
    `[own]\npriority = 1\nsync-uri = ${address}\nverify-signature = false\n`,
  );
}

beforeAll(async () => {
  root = await GentooRoot.create('systemd');
  await root.sandbox.addKernel(parts().kernels.v612);
  await root.sandbox.link(`linux-${release}`, '/usr/src/linux');
  await root.offerTtKmd(DRIVER);
  await offerDkms(root);
  await offerBinary();
  await root.emerge(['--quiet', 'sys-kernel/installkernel']);
  // A stable system, on which testing packages have to be let in one by one.
  await shell('sed -i \'s/^ACCEPT_KEYWORDS=.*/ACCEPT_KEYWORDS="amd64"/\' /etc/portage/make.conf');
  before = await listing();
  packagesBefore = await shell(INSTALLED);
});

afterAll(async () => {
  binaries?.kill();
  await root?.[Symbol.asyncDispose]();
});

test('a dry run shows the packages, the keywords and the USE flags, and changes nothing', async () => {
  const shown = await bootstrap('--dry-run', '--getbinpkg');
  expect(shown.code, printed(shown)).toBe(0);
  for (const line of [
    'emerge --ask=n --quiet-build=y --nospinner --color=n --noreplace --getbinpkg sys-kernel/dkms',
    `write ${KEYWORDS}/ttkmd:`,
    'sys-kernel/tt-kmd ~amd64',
    'sys-kernel/tt-kmd dkms',
    '--noreplace --getbinpkg sys-kernel/tt-kmd',
  ])
    expect(shown.stdout).toContain(line);
  expect(await listing()).toBe(before);
});

test('no binary package is taken where nobody has asked for one', async () => {
  const failed = await bootstrap('--yes');
  expect(failed.code, printed(failed)).toBe(6);
  expect(failed.stderr).toContain('✗ packages');
  expect(failed.stderr).toContain('from source');
});

test('what is the user’s in the place of a folder of ours is left alone, with what to do about it', async () => {
  await shell(`mv ${KEYWORDS} ${KEYWORDS}.away; echo 'x/y ~amd64' > ${KEYWORDS}`);
  const failed = await bootstrap('--yes', '--getbinpkg');
  expect(failed.code, printed(failed)).toBe(6);
  expect(failed.stderr).toContain(`${KEYWORDS} is a file of yours`);
  expect(failed.stderr).toContain('✗ source');
  expect(await root.sandbox.read(KEYWORDS)).toBe('x/y ~amd64\n');
  await shell(`rm ${KEYWORDS}; mv ${KEYWORDS}.away ${KEYWORDS}`);
});

test('it goes on there: the driver comes by its ebuild and is built for the kernel', async () => {
  const done = await bootstrap('--yes');
  expect(done.code, printed(done)).toBe(0);
  expect(done.stderr).toContain('✓ packages: all are installed');
  expect(await installedVersion(root.sandbox, release)).toBe(DRIVER);
  expect(await root.sandbox.read(`${USE}/ttkmd`)).toMatch(/^sys-kernel\/dkms systemd$/m);
  expect(await root.sandbox.read('/var/db/pkg/sys-kernel/dkms-3.2.2/USE')).toContain('systemd');
  expect(await root.sandbox.read(`/var/db/pkg/sys-kernel/tt-kmd-${DRIVER}/USE`)).toContain('dkms');
  const again = await bootstrap('--yes');
  expect(again.stdout, printed(again)).toContain('nothing to do: all is in place');
});

test('it reboots where that is needed and wished, and says why', async () => {
  // Debian's is a link to systemctl, which is not to be written to.
  await shell('rm -f /usr/sbin/reboot');
  await root.sandbox.write('/usr/sbin/reboot', '#!/bin/sh\necho reboot >> /root/rebooted\n', 0o755);
  const reboots = async (when: string): Promise<[string, boolean]> => {
    const { stdout } = await bootstrap('--yes', '--reboot', when);
    const rebooted = await root.sandbox.exists('/root/rebooted');
    await shell('rm -f /root/rebooted');
    return [stdout, rebooted];
  };
  expect((await reboots('always'))[1]).toBe(false);
  await root.sandbox.write('/run/reboot-required', '');
  for (const [when, expected] of [
    ['never', false],
    ['ask', false],
    ['always', true],
  ] as const) {
    const [said, rebooted] = await reboots(when);
    expect(said).toContain(
      'a reboot is needed: A package of the distribution asks for it (/run/reboot-required).',
    );
    expect([when, rebooted]).toEqual([when, expected]);
  }
  await root.sandbox.write('/usr/sbin/reboot', '#!/bin/sh\necho no way >&2\nexit 1\n', 0o755);
  const stuck = await bootstrap('--yes', '--reboot', 'always');
  expect(stuck.code, printed(stuck)).toBe(6);
  expect(stuck.stderr).toContain('the machine does not reboot: reboot ended with 1 (no way)');
  await shell('rm /run/reboot-required');
});

test('uninstall gives it all back to Portage and leaves no trace', async () => {
  const removed = await root.sandbox.run(['ttkmdctl', 'uninstall'], {
    allowFailure: true,
    timeoutMs: 240_000,
  });
  expect(removed.code, printed(removed)).toBe(0);
  expect((await listing()).split('\n')).toEqual(before.split('\n'));
  expect(await shell(INSTALLED)).toBe(packagesBefore);
});
