// The bootstrap of a fresh Debian, with real packages and a real build, where every step fails once before it is done.

import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DRIVER_ARCHIVE, packDriver } from '../system/support/archives.ts';
import { cutsShort, type DownloadServer, hangs, serves } from '../system/support/download-server.ts';
import type { FreshRoot } from '../system/support/fresh-root.ts';
import { changes, printed, until } from '../system/support/machine.ts';
import { Pty } from '../system/support/pty.ts';
import type { RunResult } from '../system/support/sandbox.ts';
import { BOOTSTRAP, BootstrapRoot, INFERENCE, SFPI, WEB } from './support/bootstrap-root.ts';
import { interruptAfter, start } from './support/interrupt.ts';

const JOURNAL = '/var/lib/ttkmd/bootstrap.json';
/** What is the same whenever and in whichever order it came: no dates, no signatures, no Python. */
const LASTING =
  /^(usr\/(lib\/ttkmd|src\/tenstorrent|bin\/ttkmdctl|lib\/kernel)|etc\/(systemd|ttkmd|kernel)|opt\/tenstorrent|usr\/lib\/modules\/.*tenstorrent\.ko f )/;

let made: BootstrapRoot;
let root: FreshRoot;
let server: DownloadServer;
let before: string[];

beforeAll(async () => {
  made = await BootstrapRoot.create({ driver: 3 });
  ({ root, server } = made);
  const noSuchTool = { ...made.versions(), tools: { 'tt-flash': '0.0.99' } };
  await root.write('/root/no-such-tool.json', JSON.stringify(noSuchTool));
  before = await root.listing();
});

afterAll(async () => {
  await made?.[Symbol.asyncDispose]();
});

const ASKING = [...BOOTSTRAP, '--without', 'tt-smi'];
const ARGUMENTS = [...ASKING, '--yes', '--reboot', 'never'];

function bootstrap(...args: string[]): Promise<RunResult> {
  return root.run([...ARGUMENTS, ...args], { env: WEB });
}

function shell(script: string): Promise<RunResult> {
  return made.shell(script);
}

test('a dry run prints every command and changes nothing', async () => {
  const shown = await bootstrap('--dry-run');
  expect(shown.code, printed(shown)).toBe(0);
  for (const line of [
    'ttkmdctl deploy --package /mnt',
    'install dkms',
    `to /var/cache/ttkmd/${DRIVER_ARCHIVE}, with the SHA-256 `,
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

test('what stands in the way is told before anything is done, and without a terminal nobody is waited for', async () => {
  server.pages.set(`/${DRIVER_ARCHIVE}`, (_, answer) => answer.writeHead(404).end());
  const settings = '/etc/ttkmd/ttkmd.conf.d/wrong.conf';
  await shell(`mkdir -p /etc/ttkmd/ttkmd.conf.d && printf '[hugepages]\\nwormhole = some\\n' >${settings}`);
  const asking = start(root, ASKING, { env: WEB });
  const code = await asking.ended;
  const said = asking.said();
  expect(code, said).toBe(6);
  expect(said).toContain('cannot be reached: the server answered 404 Not Found');
  expect(said).toContain(`${settings}:2: [hugepages] wormhole: expected`);
  expect(said).toContain('Nothing was done.');
  await shell('rm -r /etc/ttkmd');
  expect(changes(before, await root.listing())).toEqual([]);
  server.pages.set(`/${DRIVER_ARCHIVE}`, serves(made.archives[DRIVER_ARCHIVE]));
});

test('a person may choose more, and go away at each question with nothing done', async () => {
  const question = 'Install podman and the command tt-metalium';
  const interrupts = new Pty(root, ASKING, WEB);
  await interrupts.until(question);
  interrupts.type('maybe\r');
  await interrupts.until(question);
  interrupts.type('y\r');
  await interrupts.until('to do:');
  await interrupts.until('tt-metalium');
  await interrupts.until('Go on?');
  interrupts.type('\x03');
  expect(await interrupts.ended(), interrupts.screen).toBe(130);
  expect(interrupts.screen).toContain('Interrupted.');
  // Ctrl-D is a no.
  const leaves = new Pty(root, ASKING, WEB);
  for (const one of [question, 'Go on?']) {
    await leaves.until(one);
    leaves.type('\x04');
  }
  expect(await leaves.ended(), leaves.screen).toBe(0);
  expect(leaves.screen).toContain('nothing was done');
  expect(changes(before, await root.listing())).toEqual([]);
});

interface Failure {
  readonly step: string;
  readonly breaks: string | RequestListener;
  readonly args?: readonly string[];
  readonly mend?: string;
  readonly words: string;
}

/** As dpkg leaves a package where it ends right before its last word on it; here without all that it needs, too. */
const HALF_UNPACKED = `
set -e
cd /tmp
apt-get --quiet download dkms
dpkg --force-depends --unpack dkms_*.deb
dpkg --force-depends --force-remove-reinstreq --purge patch
sed -i '/^Package: dkms$/,/^$/s/^Status: .*/Status: install reinstreq unpacked/' /var/lib/dpkg/status
`;

/** The archive as of a week ago: another version of what dkms needs, and another signed list of the lists. */
const OLD_LISTS = String.raw`
set -e
cd /var/lib/apt/lists
apt-get --quiet update
sed -i 's,^\(Filename: .*/lsb-release_\),\10,' *_Packages
sed -i '/ main\/binary-/s/^ [0-9a-f]\{8\}/ 01234567/' *_InRelease
touch -d '1 week ago' *_InRelease
`;

/** Breaks something, sees the step fail for it with nothing half-installed, and mends it. */
async function failsOnce({ step, breaks, args = [], mend, words }: Failure): Promise<RunResult> {
  if (typeof breaks === 'string') await shell(breaks);
  else server.pages.set(`/${DRIVER_ARCHIVE}`, breaks);
  const failed = await bootstrap(...args);
  if (mend !== undefined) await shell(mend);
  server.pages.set(`/${DRIVER_ARCHIVE}`, serves(made.archives[DRIVER_ARCHIVE]));
  expect(failed.code, printed(failed)).toBe(6);
  expect(failed.stderr, printed(failed)).toContain(words);
  expect(failed.stderr).toContain(`✗ ${step}`);
  expect(failed.stderr).toMatch(/log: \/var\/log\/ttkmd\/bootstrap-.*\.log/);
  return failed;
}

test.each<Failure>([
  {
    step: 'program',
    breaks: 'mkdir /usr/lib/ttkmd; mount -t tmpfs -o size=64k full /usr/lib/ttkmd',
    mend: 'umount /usr/lib/ttkmd; rmdir /usr/lib/ttkmd',
    words: 'no space left on device',
  },
  {
    step: 'packages',
    breaks: 'echo nonsense > /etc/apt/sources.list.d/x.list',
    mend: 'rm /etc/apt/sources.list.d/x.list',
    words: 'Malformed line 1 in source list /etc/apt/sources.list.d/x.list',
  },
])('the step $step fails, and $words is said', async (failure) => {
  await failsOnce(failure);
});

test('dpkg that is killed in the middle of its work stands in nobody’s way, and old lists of packages do not', async () => {
  const old = await shell(OLD_LISTS);
  expect(old.code, printed(old)).toBe(0);
  const { child, said, ended } = start(root, ARGUMENTS, { env: WEB, input: 'closed' });
  const updates = async () => (await shell('ls /var/lib/dpkg/updates')).stdout;
  const isAtWork = async () => /^\d+$/m.test(await updates()) || child.exitCode !== null;
  await until('dpkg is at work', isAtWork, 200_000);
  const dpkg = root.processes().find(({ command }) => command.includes('--unpack'));
  if (dpkg !== undefined) process.kill(dpkg.pid, 'SIGKILL');
  expect(await ended, said()).toBe(6);
  expect(said()).toContain('✗ packages');
  expect(await updates()).toMatch(/^\d+$/m);
});

test('Ctrl-C while packages are installed leaves nothing that stands in the way of the next call', async () => {
  const gone = '/etc/apt/sources.list.d/gone.list';
  await shell(`echo 'deb file:/gone stable main' >${gone}`);
  const { code, stderr } = await interruptAfter(root, ARGUMENTS, {
    env: WEB,
    words: 'no-install-recommends install',
    ms: 2500,
  });
  expect(code, stderr).toBe(130);
  expect(stderr).toContain('not all lists of packages could be brought up to date');
  await shell(`rm ${gone}`);
  const left = await shell(HALF_UNPACKED);
  expect(left.code, printed(left)).toBe(0);
});

test.each<Failure>([
  {
    step: 'source',
    breaks: (_, answer) => answer.end('changed on the way'),
    words: 'is not the file that was expected, and was thrown away',
  },
  { step: 'source', breaks: cutsShort(() => made.archives[DRIVER_ARCHIVE].content), words: ' bytes' },
  {
    step: 'source',
    breaks: hangs(() => made.archives[DRIVER_ARCHIVE].content),
    words: 'nothing came for 2 s',
  },
])('the step $step fails, and $words is said', async (failure) => {
  await failsOnce(failure);
  const left = await shell('ls -A /var/cache/ttkmd; ls -Ad /usr/src/*tenstorrent* /usr/src/.[a-z]*');
  expect(left.stdout).toBe('');
});

test('Ctrl-C in the middle of the build ends it in good order, and the next call goes on there', async () => {
  const { code, stderr } = await interruptAfter(root, ARGUMENTS, {
    env: WEB,
    words: 'ttkmdctl reconcile',
    ms: 1500,
  });
  expect(code, stderr).toBe(130);
  expect(stderr).toContain('The same command goes on where this one stopped');

  const wants = '/etc/systemd/system/multi-user.target.wants';
  const failed = await failsOnce({
    step: 'service',
    breaks: `mv ${wants} ${wants}.away; touch ${wants}`,
    mend: `rm ${wants}; mv ${wants}.away ${wants}`,
    words: 'multi-user.target.wants',
  });
  expect(failed.stderr).toContain('✓ source: /usr/src/tenstorrent-1.0.0-sample is there');
  await failsOnce({
    step: 'tt-flash',
    breaks: ':',
    args: ['--versions', '/root/no-such-tool.json'],
    words: 'tt-flash==0.0.99',
  });
});

test('a person who accepts what is proposed has it go on to its end', async () => {
  const person = new Pty(root, ASKING, WEB);
  await person.until('[y/N]');
  person.type('\r');
  await person.until('tt-flash 3.10.0 is not there');
  await person.until('[Y/n]');
  person.type('\r');
  expect(await person.ended(), person.screen).toBe(0);
  expect(person.screen).toContain('source: /usr/src/tenstorrent-1.0.0-sample is there');
  expect(person.screen).toMatch(/done: tt-flash; log: /);
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

test('what comes by choice fails and comes, from a mirror behind an address', async () => {
  for (const name of [SFPI, INFERENCE]) server.pages.set(`/mirror/${name}`, (_, answer) => answer.end('old'));
  server.pages.set('/mirror/versions.json', (_, answer) => answer.end(JSON.stringify(made.versions())));
  await shell('mkdir /usr/local/bin/tt-metalium');
  const steps = ['--only', 'sfpi,tt-metalium,tt-inference-server', '--mirror', server.address('mirror')];
  const choose = () =>
    root.run(['/mnt/bootstrap.sh', '--versions', 'latest', ...steps], {
      env: { ...WEB, SUDO_USER: 'nobody' },
    });
  for (const [step, words, mend] of [
    [
      'sfpi',
      'is not the file that was expected',
      () => server.pages.set(`/mirror/${SFPI}`, serves(made.archives[SFPI])),
    ],
    ['tt-metalium', '/usr/local/bin/tt-metalium', () => shell('rmdir /usr/local/bin/tt-metalium')],
    [
      'tt-inference-server',
      'expected',
      () => server.pages.set(`/mirror/${INFERENCE}`, serves(made.archives[INFERENCE])),
    ],
  ] as const) {
    const failed = await choose();
    expect(failed.code, printed(failed)).toBe(6);
    expect(failed.stderr).toContain(words);
    expect(failed.stderr).toContain(`✗ ${step}`);
    await mend();
  }
  const done = await choose();
  expect(done.code, printed(done)).toBe(0);
  expect(done.stdout).toContain('extra_pages = 32');
  const used = await shell(
    '/opt/tenstorrent/sfpi/compiler/bin/riscv-tt-elf-gcc; runuser -u nobody -- tt-inference-server --model x; stat -c %U /opt/tenstorrent/*/run.py; sh -n /usr/local/bin/tt-metalium; grep -c localhost/tt-metalium:v0.0.1 /usr/local/bin/tt-metalium',
  );
  expect(used.stdout, printed(used)).toBe(
    "15.1.0\n/opt/tenstorrent/tt-inference-server ['--model', 'x']\nnobody\n1\n",
  );
});

test('a second run has nothing to do, and says so in seconds', async () => {
  const start = Date.now();
  const again = await bootstrap();
  expect(again.code, printed(again)).toBe(0);
  expect(again.stdout).toContain('nothing to do: all is in place');
  expect(Date.now() - start).toBeLessThan(15_000);
});
test('uninstall leaves no trace, and what was exported brings it all back without questions', async () => {
  // tt-kmd comes from elsewhere now, and the other machine is told so.
  await root.write('/tmp/kmd.tar.gz', (await packDriver()).content);
  const replaced = await bootstrap('--only', 'source,driver', '--kmd-source', '/tmp/kmd.tar.gz');
  expect(replaced.code, printed(replaced)).toBe(0);
  const exported = await root.run(['ttkmdctl', 'bootstrap', '--export', '-']);
  const chosen = ['sfpi', 'tt-metalium', 'tt-inference-server'];
  const done = ['program', 'packages', 'source', 'driver', 'service', 'tt-flash', ...chosen];
  expect(JSON.parse(exported.stdout)).toMatchObject({
    ...made.versions(),
    machine: { steps: done, python: 'pipx', kmdSource: '/tmp/kmd.tar.gz' },
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
  const file = ['--versions', '/root/machine.json'];
  const fetched = await root.run(['/mnt/bootstrap.sh', 'fetch', '/root/mirror', ...file]);
  expect(fetched.code, printed(fetched)).toBe(0);
  // From here on the mirror is all that there is.
  server.pages.clear();
  const replay = () =>
    root.run(['/mnt/bootstrap.sh', ...file, '--mirror', '/root/mirror'], { env: { SUDO_USER: 'nobody' } });
  await shell('mv /tmp/kmd.tar.gz /tmp/away');
  const refused = await replay();
  expect(refused.code, printed(refused)).toBe(2);
  expect(refused.stderr).toContain('There is no /tmp/kmd.tar.gz, which tt-kmd is to come from');
  await shell('mv /tmp/away /tmp/kmd.tar.gz');
  const replayed = await replay();
  expect(replayed.code, printed(replayed)).toBe(0);
  expect(replayed.stdout).toMatch(new RegExp(`^done: ${machine.machine.steps.join(', ')}; log: `, 'm'));
  const journal = JSON.parse((await root.run(['cat', JOURNAL])).stdout) as {
    steps: { name: string; done: boolean }[];
  };
  expect(journal.steps.map((step) => [step.name, step.done])).toEqual(
    machine.machine.steps.map((name) => [name, true]),
  );
  // What failed at every step and was resumed is what came in one go.
  const lasting = (lines: readonly string[]) => lines.filter((line) => LASTING.test(line));
  expect(lasting(await root.listing())).toEqual(lasting(installed));
});

test('uninstall with --keep-driver leaves the driver and what builds it, and nothing else', async () => {
  const removed = await root.run(['ttkmdctl', 'uninstall', '--keep-driver']);
  expect(removed.code, printed(removed)).toBe(0);
  const { stdout } = await root.run(['dkms', 'status']);
  expect(stdout).toContain(`tenstorrent/1.0.0-sample, ${root.kernel}, x86_64: installed`);
  const left = await shell(
    `grep -c '^AUTOINSTALL' /usr/src/tenstorrent-1.0.0-sample/dkms.conf; modinfo -k ${root.kernel} -F version tenstorrent; ls -d /usr/lib/ttkmd /var/lib/ttkmd /opt/tenstorrent /usr/local/bin/tt-* /usr/bin/ttkmdctl`,
  );
  expect(left.stdout).toBe('1\n1.0.0-sample\n');
});
