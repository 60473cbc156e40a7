// `ttkmdctl hooks`, `deploy` and `uninstall`: what is put where, what bypasses it, and that nothing of it stays.

import { describe, expect, test } from 'vitest';
import { Daemon } from './support/daemon.ts';
import { changes, insist, prepared, printed, SAMPLE, until } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { DIST, NODE } from './support/project.ts';
import { type RunResult, Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const PLUGIN = '/usr/lib/kernel/install.d/35-ttkmd.install';
const PREINST = '/usr/lib/kernel/preinst.d/35-ttkmd.install';
const POSTINST = '/usr/lib/kernel/postinst.d/35-ttkmd.install';

/** The hooks of the table in DESIGN.md, all of them programs. */
const HOOKS = [
  '/etc/kernel/postinst.d/35-ttkmd',
  '/etc/kernel/postrm.d/35-ttkmd',
  '/etc/kernel/prerm.d/35-ttkmd',
  PLUGIN,
  POSTINST,
  PREINST,
];

const DRACUT = '/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf';
const RULE = '/usr/lib/udev/rules.d/50-tenstorrent.rules';
const LAUNCHER = '/usr/bin/ttkmdctl';
// The machine's systemd is in the sandbox; OpenRC's scripts come where OpenRC is (services-openrc.test.ts).
const UNITS = [
  'dev-hugepages\\x2d1G.mount',
  'tenstorrent.target',
  'ttkmd-boot.service',
  'ttkmd-health.service',
  'ttkmd-hugepages.service',
  'ttkmd.service',
].map((name) => `/usr/lib/systemd/system/${name}`);
const RECORD = '/var/lib/ttkmd/manifest.json';

/** Whatever an installation could write to, but for the big folders of other packages. */
const PLACES = [
  ...['/boot', '/etc', '/run', '/var/lib/dkms', '/var/lib/ttkmd', '/var/log/ttkmd'],
  ...['dracut', 'kernel', 'systemd', 'sysusers.d', 'tmpfiles.d', 'ttkmd', 'udev'].map(
    (name) => `/usr/lib/${name}`,
  ),
  ...['bash-completion', 'fish', 'man/man5', 'man/man8', 'zsh'].map((name) => `/usr/share/${name}`),
];

/** Each path with its kind, mode, owner and, of files, a hash (of all that are safe the quickest: Node.js is large). */
async function listing(sandbox: Sandbox, places: readonly string[] = PLACES): Promise<string[]> {
  const script = `
    for place; do
      [ -e "$place" ] || continue
      find "$place" -xdev -printf '%p %y %m %U:%G %l\\n'
      find "$place" -xdev -type f -print0 | xargs -0 -r b2sum | sed 's/^\\([^ ]*\\)  \\(.*\\)/\\2 \\1/'
    done
    ls -l --time-style=full-iso /usr/bin /usr/sbin | grep ttkmd`;
  const { stdout } = await sandbox.run(['sh', '-c', script, 'sh', ...places], { allowFailure: true });
  return stdout.split('\n').sort();
}

/** The program of the checkout itself, as on a machine that has no ttkmd yet. */
function checkout(sandbox: Sandbox, args: readonly string[]): Promise<RunResult> {
  return sandbox.run([NODE, `${DIST}/main.js`, ...args], { allowFailure: true });
}

async function modes(sandbox: Sandbox, paths: readonly string[]): Promise<string[]> {
  return (await sandbox.run(['stat', '-c', '%a %U %F', ...paths])).stdout.trim().split('\n');
}

test('deploy puts each file of the table in its place, and writes nowhere else', async () => {
  await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'none' });
  await sandbox.run(['touch', '/tmp/before']);
  const deployed = await checkout(sandbox, ['deploy']);
  expect(deployed.code, printed(deployed)).toBe(0);
  expect(await modes(sandbox, [...HOOKS, LAUNCHER])).toEqual(
    [...HOOKS, LAUNCHER].map(() => '755 root regular file'),
  );
  expect(await modes(sandbox, [DRACUT])).toEqual(['644 root regular file']);
  expect(await sandbox.read(DRACUT)).toMatch(/^omit_drivers\+=" tenstorrent "$/m);
  await sandbox.run(['shellcheck', '--severity=style', ...HOOKS, LAUNCHER]);

  const written = (
    await sandbox.run([
      'find',
      '/usr',
      '/etc',
      '/var',
      '/opt',
      '/boot',
      '-cnewer',
      '/tmp/before',
      '!',
      '-type',
      'd',
    ])
  ).stdout
    .trim()
    .split('\n')
    .sort();
  const recorded = Object.keys((JSON.parse(await sandbox.read(RECORD)) as { files: object }).files);
  expect(written).toEqual([RECORD, ...recorded].sort());
  expect(recorded.filter((path) => !/^\/usr\/(?:lib\/ttkmd|share)\//.test(path)).sort()).toEqual(
    ['/etc/ttkmd/ttkmd.conf', LAUNCHER, DRACUT, ...HOOKS, ...UNITS].sort(),
  );

  // Once more, there is nothing to do.
  const before = await listing(sandbox);
  for (const result of [
    await checkout(sandbox, ['deploy']),
    await checkout(sandbox, ['deploy', '--dry-run']),
    await sandbox.ttkmdctl(['hooks', 'install']),
  ]) {
    expect(printed(result)).toBe('exit status 0\nnothing to do: all is in place\n');
  }
  expect(changes(before, await listing(sandbox))).toEqual([]);
});

test('deploy from the installed program itself is refused, and takes nothing off', async () => {
  await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo' });
  const before = await listing(sandbox);
  expect((await insist(sandbox, ['deploy'], 2)).stderr).toContain('ttkmdctl deploy --package DIR');
  expect(changes(before, await listing(sandbox))).toEqual([]);
});

describe('nothing stays', () => {
  test('of the hooks, after hooks remove; of ttkmd, after uninstall; of either, after --dry-run', async () => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'none' });
    const empty = await listing(sandbox);
    const run = async (...args: string[]): Promise<string> => (await insist(sandbox, args, 0)).stdout;

    /** The lines about one file each, alike for what would be done and what was. */
    const files = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => / \//.test(line) && !line.includes('→'))
        .map((line) => line.replace('would ', ''));
    const planned = await checkout(sandbox, ['deploy', '--dry-run', '--verbose']);
    expect(planned.stdout).toMatch(/^would install ttkmd [\d.]+: \d+ files new\n/);
    expect(planned.stdout).toContain(`  would add           ${LAUNCHER}\n`);
    expect((await checkout(sandbox, ['deploy', '--dry-run'])).stdout).toMatch(
      /^would install [^\n]*\n {2}→ .*--verbose\n$/,
    );
    expect(changes(empty, await listing(sandbox))).toEqual([]);
    const done = (await checkout(sandbox, ['deploy', '--verbose'])).stdout;
    expect(files(done)).toEqual(files(planned.stdout));
    expect(done).toMatch(/^installed ttkmd [\d.]+: \d+ files new\n/);
    expect(done).toMatch(
      /\n {2}→ put tt-kmd's source into .* as root: ttkmdctl reconcile\n {2}→ .*ttkmdctl hooks status\n {2}→ .*ttkmdctl service enable --now\n$/,
    );
    const deployed = await listing(sandbox);

    const removal = await run('hooks', 'remove', '--dry-run', '--verbose');
    for (const path of HOOKS) expect(removal).toContain(path);
    expect(changes(deployed, await listing(sandbox))).toEqual([]);
    expect(await run('hooks', 'remove')).toMatch(/^took the hooks away: 7 files removed\n {2}→ .*\n$/);
    const left = changes(empty, await listing(sandbox)).map((line) => line.split(' ')[1] ?? '');
    expect(left.filter((path) => /kernel|dracut/.test(path) && !path.startsWith('/usr/lib/ttkmd/'))).toEqual(
      [],
    );
    expect(await run('hooks', 'remove')).toBe('nothing to do: no hook of ttkmd is installed here\n');
    await insist(sandbox, ['hooks', 'status'], 1);

    const installation = await run('hooks', 'install', '--dry-run', '--verbose');
    for (const path of HOOKS) expect(installation).toContain(path);
    expect(files(await run('hooks', 'install', '--verbose'))).toEqual(files(installation));
    expect(changes(deployed, await listing(sandbox))).toEqual([]);

    const all = await run('uninstall', '--dry-run', '--verbose');
    expect(all).toContain(LAUNCHER);
    expect(changes(deployed, await listing(sandbox))).toEqual([]);
    expect(await run('uninstall')).toMatch(
      /^took ttkmd off, with its state, history and logs: \d+ files removed\n$/,
    );
    expect(changes(empty, await listing(sandbox))).toEqual([]);
    const again = await checkout(sandbox, ['uninstall']);
    expect(printed(again)).toBe('exit status 0\nnothing to do: nothing of ttkmd is installed here\n');
    expect(changes(empty, await listing(sandbox))).toEqual([]);
  });

  test('of a ttkmd that has worked, but the driver that it built', async () => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'none' });
    const source = await sandbox.addDriver();
    const conf = await sandbox.read(`${source}/dkms.conf`);
    const { release } = await sandbox.addKernel(kernels.older);
    const before = await listing(sandbox);
    await sandbox.installProgram();
    await sandbox.kernelInstall('add', release);
    await insist(sandbox, ['ready', release], 0);
    const ownHook = '/etc/ttkmd/hooks.d/build-failed';
    await sandbox.write(ownHook, '#!/bin/sh\n', 0o755);
    const first = await insist(sandbox, ['uninstall'], 0);
    expect(first.stdout).toMatch(/^took ttkmd off, [^\n]*: \d+ files removed, 1 given back, 2 kept\n/);
    expect(first.stdout).toMatch(new RegExp(`keep +${ownHook}: it is yours\n`));
    await sandbox.run(['rm', '-r', '/etc/ttkmd']);

    // A ttkmd that comes back knows the rule for its own, and nobody else's registration is told of.
    await sandbox.installProgram();
    const rule = `${source}/udev-50-tenstorrent.rules`;
    await sandbox.write(rule, `${await sandbox.read(rule)}# newer\n`);
    await insist(sandbox, ['reconcile'], 0);
    expect(await sandbox.read(RULE)).toContain('# newer\n');
    const status = await sandbox.ttkmdctl(['status']);
    expect(status.stdout).not.toContain('somebody else');
    await using daemon = await Daemon.start(sandbox);
    const { stdout } = await insist(sandbox, ['uninstall'], 0);
    await until('the daemon has ended', () => daemon.hasEnded);
    expect(stdout).toMatch(/^ended the daemon, pid \d+, which no service had started\n/);
    expect(stdout).toMatch(/keep +\S*50-tenstorrent\.rules: .*needs it\n/);
    const wayOut = stdout.match(/→ the driver stays; to take it off too, as root: (.*)\n$/)?.[1] ?? 'false';
    const left = changes(before, await listing(sandbox)).map((line) => line.split(' ').slice(0, 2).join(' '));
    // The driver stays, and with it the rule that lets others than root open the card.
    expect([...new Set(left.filter((line) => !line.startsWith('+ /var/lib/dkms/')))]).toEqual([`+ ${RULE}`]);
    expect(await sandbox.read(`${source}/dkms.conf`)).toBe(conf);
    // The card works on.
    const module = `/lib/modules/${release}/kernel/extra/tenstorrent.ko`;
    expect((await sandbox.run(['modinfo', '-k', release, '-n', 'tenstorrent'])).stdout).toBe(`${module}\n`);
    expect((await sandbox.run(['dkms', 'status'])).stdout).toBe(
      `tenstorrent/${SAMPLE}, ${release}, x86_64: installed\n`,
    );
    // And who wants the driver gone too was told how.
    await sandbox.run(['sh', '-c', wayOut]);
    expect(await sandbox.exists(module)).toBe(false);
    expect(await sandbox.exists(RULE)).toBe(false);
  });

  test('in another root, whose absolute links lead to places inside it', async () => {
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo' });
    const root = '/tmp/root';
    await sandbox.run([
      'mkdir',
      '-p',
      ...['etc', 'usr/lib', 'var/lib', 'run', 'opt/kernel'].map((name) => `${root}/${name}`),
    ]);
    await sandbox.link('/opt/kernel', `${root}/usr/lib/kernel`);
    const outside = await listing(sandbox);
    const before = await listing(sandbox, [root]);
    await insist(sandbox, ['hooks', 'install', '--root', root, '--dry-run'], 0);
    expect(changes(before, await listing(sandbox, [root]))).toEqual([]);

    await insist(sandbox, ['hooks', 'install', '--root', root], 0);
    const installed = HOOKS.map((path) => `${root}${path.replace('/usr/lib/kernel', '/opt/kernel')}`);
    expect(await modes(sandbox, installed)).toEqual(installed.map(() => '755 root regular file'));
    expect(changes(outside, await listing(sandbox))).toEqual([]);
    expect((await insist(sandbox, ['hooks', 'install', '--root', root], 0)).stdout).toContain(
      'nothing to do',
    );

    await insist(sandbox, ['hooks', 'remove', '--root', root], 0);
    expect(changes(before, await listing(sandbox, [root]))).toEqual([]);
    expect(changes(outside, await listing(sandbox))).toEqual([]);
  });
});

describe('something else is in the way', () => {
  test.each<[string, (sandbox: Sandbox) => Promise<unknown>, string]>([
    ['a file', (sandbox) => sandbox.write(HOOKS[0] ?? '', '#!/bin/sh\n', 0o755), HOOKS[0] ?? ''],
    ['a link', (sandbox) => sandbox.link('/etc/hostname', LAUNCHER), LAUNCHER],
    ['a file where a folder has to be', (sandbox) => sandbox.write('/usr/lib/dracut', ''), '/usr/lib/dracut'],
  ])('%s: it is named, and nothing is done by halves', async (_, put, path) => {
    await using sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'none' });
    await put(sandbox);
    const before = await listing(sandbox);
    const refused = await checkout(sandbox, ['deploy']);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('Nothing was installed');
    expect(refused.stderr).toContain(path);
    expect(refused.stderr).toContain('→ Move it away');
    const left = changes(before, await listing(sandbox));
    expect(left.filter((line) => !/^\+ \/run\/ttkmd\b/.test(line))).toEqual([]);
    expect((await checkout(sandbox, ['deploy', '--dry-run'])).code).toBe(6);
  });

  test('a hook that somebody else wrote is replaced by --force alone, one that was edited is kept', async () => {
    await using sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo' });
    const [edited = ''] = HOOKS;
    await sandbox.write(edited, '#!/bin/sh\n# mine\n', 0o755);
    const status = await sandbox.ttkmdctl(['hooks', 'status']);
    expect(status.stdout).toContain(`${edited} was edited since it was installed`);
    expect((await insist(sandbox, ['hooks', 'install'], 0)).stdout).toMatch(
      /^nothing done: .*\n {2}keep +\S+: edited here\n$/,
    );
    await insist(sandbox, ['hooks', 'remove'], 0);
    expect(await sandbox.read(edited)).toContain('# mine');
    // Now it is nobody's but theirs.
    const refused = await insist(sandbox, ['hooks', 'install'], 6);
    expect(refused.stderr).toContain(`${edited} is not ours`);
    for (const path of HOOKS.slice(1)) expect(await sandbox.exists(path)).toBe(false);
    await insist(sandbox, ['hooks', 'install', '--force'], 0);
    expect(await sandbox.read(edited)).not.toContain('# mine');
    await insist(sandbox, ['hooks', 'status'], 0);
  });
});
