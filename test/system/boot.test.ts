// A card that is made up, in a kernel that takes no module and gives no pages: what is done at boot and by hand, and said.
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Daemon } from './support/daemon.ts';
import { configure, history, insist, printed, settled, states } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { noBuildAlive, type Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await settled({ dkms: dkms.v32, kernels: [kernels.v61] });
  await configure(sandbox, '[watch]\nsettle = 0s\n');
});
afterAll(() => sandbox.dispose());

test('boots without a device, which is no failure', async () => {
  const { stdout } = await insist(sandbox, ['boot'], 0);
  expect(stdout).toMatch(/not loaded, and need not be: there is no device/);
});

test('names a card, and who holds it', async () => {
  expect(printed(await sandbox.ttkmdctl(['devices']))).toMatch(
    /no Tenstorrent device is here|no device can be seen/,
  );
  const pci = '/sys/bus/pci/devices/0000:01:00.0';
  const node = `${pci}/tenstorrent/tenstorrent!0`;
  // All of it in a namespace of its own: a card is there as long as its holder is.
  const scene = [
    'set -eu',
    'mkdir -p /run/card/tenstorrent/by-id',
    'cp -a /dev/null /run/card/',
    // A device that anybody may open and nobody has open (/dev/full); the kernel knows it by its number.
    'mknod /run/card/tenstorrent/0 c 1 7',
    'ln -s ../0 /run/card/tenstorrent/by-id/blackhole-00A1',
    'for folder in /sys/bus /sys/class /sys/module; do mount -t tmpfs card $folder; done',
    `mkdir -p '${node}' /sys/class/tenstorrent /sys/module/tenstorrent`,
    `echo 0x1e52 > ${pci}/vendor`,
    `echo 0xb140 > ${pci}/device`,
    `ln -s ../../../bus/pci/drivers/tenstorrent ${pci}/driver`,
    `echo 1:7 > '${node}/dev'`,
    `echo p150a > '${node}/tt_card_type'`,
    `ln -s '${node}' /sys/class/tenstorrent/`,
    'echo 2.9.0 > /sys/module/tenstorrent/version',
    'echo 1 > /sys/module/tenstorrent/refcnt',
    'mount --bind /run/card /dev',
    'sleep 60 3< /dev/tenstorrent/0 > /dev/null &',
    'holder=$!',
    'echo $holder',
    'ttkmdctl devices',
    'setpriv --reuid=65534 --clear-groups ttkmdctl devices | tail -n 2',
    'ttkmdctl status --json || :',
    'kill $holder',
  ].join('\n');
  const { stdout } = await sandbox.run(['unshare', '--mount', 'sh', '-c', scene]);
  const at = stdout.indexOf('\n{');
  const [pid, ...lines] = stdout.slice(0, at).split('\n');
  const hidden = ['that can be seen here', '→ root, outside of containers, sees all'];
  // Where this runs in a container, root does not see all either.
  const seen = lines.slice(7, -2).map((line) => line.trim());
  expect([[], [`nobody else ${hidden[0]}`, hidden[1]]]).toContainEqual(seen);
  expect([...lines.slice(0, 7), ...lines.slice(-2)]).toEqual([
    '0000:01:00.0  Blackhole p150a',
    '  driver     tenstorrent 2.9.0',
    '  node       /dev/tenstorrent/0',
    '             /dev/tenstorrent/by-id/blackhole-00A1',
    '  NUMA node  not told',
    '  IOMMU      none',
    expect.stringMatching(`^  held by    sleep \\(pid ${pid}, root\\b`),
    `  held by    nobody ${hidden[0]}`,
    `             ${hidden[1]}`,
  ]);
  expect(JSON.parse(stdout.slice(at))).toMatchObject({
    driver: {
      loaded: '2.9.0',
      holders: [{ pid: Number(pid), name: 'sleep', user: 'root' }],
      holdersComplete: seen.length === 0,
    },
    devices: [{ address: '0000:01:00.0', card: 'p150a', holders: [Number(pid)] }],
  });
});

test('boots for no longer than it may, and says why a device has no driver', async () => {
  // The release of the machine's own kernel; the blacklist keeps the module of another out of it.
  await sandbox.addKernel(kernels.v61, { shape: 'gentoo', release: release() });
  await sandbox.write('/etc/modprobe.d/no-card.conf', 'blacklist tenstorrent\n');
  await sandbox.run(['mount', '-t', 'tmpfs', 'devices', '/sys/bus']);
  const device = '/sys/bus/pci/devices/0000:01:00.0';
  await sandbox.write(`${device}/vendor`, '0x1e52\n');
  await sandbox.write(`${device}/device`, '0xb140\n');

  await sandbox.addDriver({ version: '1.1.0', slowSeconds: 100 });
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/boot.conf', '[boot]\ntime_limit = 4s\n');
  const started = Date.now();
  const late = await insist(sandbox, ['boot'], 1);
  expect(Date.now() - started).toBeLessThan(20_000);
  expect(late.stderr).toMatch(/NOT loaded, although a device is there\nboot\.time_limit was over/);
  await noBuildAlive(sandbox, 2000);

  await sandbox.remove('/etc/ttkmd/ttkmd.conf.d/boot.conf');
  await sandbox.addDriver({ version: '1.1.0' });
  const refused = await insist(sandbox, ['boot'], 1);
  expect(refused.stderr).toMatch(
    /NOT loaded.*\nnot loaded: .* blacklisted in \/etc\/modprobe\.d\/no-card\.conf\n {2}→ take/,
  );
  expect((await states(sandbox))[release()]).toBe('current');
  // What is seen beforehand is not tried, at boot or later.
  await insist(sandbox, ['reconcile', '--trigger=watch'], 0);
  expect((await history(sandbox)).map(({ step }) => step)).not.toContain('load');
  const { stdout: shown } = await insist(sandbox, ['status'], 1);
  expect(shown.replace(/\s+/g, ' ')).toMatch(/✗ not loaded: tenstorrent is blacklisted in \S+ → take it off/);

  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const user = await sandbox.run([...nobody, '/usr/bin/ttkmdctl', 'boot'], { allowFailure: true });
  expect(printed(user)).toMatch(/^exit status 4\n.*needs root\.\n {2}→ /s);
});

test('says in one sentence why it has no hugepages to give, and to whom it gives none', async () => {
  // The kernel is the machine's own: the sandbox may not set its pages, and some have none.
  const { stdout } = await insist(sandbox, ['hugepages', 'status'], 1);
  expect(stdout).toMatch(/hugepages: 0 of 4 × 1 GiB/);
  const mine = await sandbox.ttkmdctl(['hugepages', 'apply'], { allowFailure: true });
  expect([1, 6], printed(mine)).toContain(mine.code);
  expect(mine.stderr).toMatch(/may not be written to \(EROFS\)\n {2}→ in a container|wanted .*, and this /);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '/usr/bin/ttkmdctl'];
  await fakePool(sandbox);
  const refused = await sandbox.run([...nobody, 'hugepages', 'apply'], { allowFailure: true });
  expect(refused.code, printed(refused)).toBe(4);
  expect(refused.stderr).toMatch(/needs root\.\n {2}→ as root: ttkmdctl hugepages apply/);
});

test('allocates and mounts, mounts again what was unmounted, and leaves another mount alone', async () => {
  const canMount = await trueMount(sandbox);
  const path = '/run/hugepages-1G';
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/pages.conf', `[hugepages]\nmount = ${path}\n`);
  const planned = await insist(sandbox, ['hugepages', 'apply', '--dry-run'], 0);
  expect(planned.stdout).toBe(
    `would do:\n  allocate hugepages on node 0: 4 × 1 GiB\n  mount hugepages of 1 GiB at ${path}\n`,
  );
  const applied = await insist(sandbox, ['hugepages', 'apply'], canMount ? 0 : 6);
  expect(applied.stdout).toMatch(/^4 of 4 × 1 GiB are allocated on node 0\n/);
  expect(await sandbox.read(`${POOL}/nr_hugepages`)).toBe('4\n');
  // A number that is there already is not written again.
  if (!canMount) return;
  expect(applied.stdout).toMatch(
    new RegExp(`\\nhugepages: 4 of 4 × 1 GiB {4}node 0: 4, mounted at ${path}\\n$`),
  );
  const options = async (): Promise<string> =>
    (await sandbox.run(['findmnt', '-no', 'OPTIONS', path])).stdout;
  expect(await options()).toMatch(/nosuid,nodev.*mode=777,pagesize=1024M/);
  await insist(sandbox, ['hugepages', 'status'], 0);

  await sandbox.run(['umount', path]);
  expect((await insist(sandbox, ['hugepages', 'status'], 1)).stdout).toMatch(/no hugepages are mounted at/);
  expect((await insist(sandbox, ['hugepages', 'apply', '--boot'], 0)).stdout).toMatch(
    /^mounted hugepages of 1 GiB at/,
  );

  // Nobody asks the daemon: it hears of it.
  const isWatched = (): boolean =>
    sandbox.processes().some(({ command }) => /^findmnt .* --mountpoint /.test(command));
  const isMounted = async (): Promise<boolean> =>
    (await sandbox.run(['findmnt', path], { allowFailure: true })).code === 0;
  const soon = { timeout: 60_000 };
  const daemon = await Daemon.start(sandbox);
  await expect.poll(isWatched, soon).toBe(true);
  await sandbox.run(['umount', path]);
  await expect.poll(isMounted, soon).toBe(true);
  await expect.poll(isWatched, soon).toBe(true);
  await daemon.stop('SIGKILL');
  await expect.poll(isWatched, soon).toBe(false);

  await sandbox.run(['umount', path]);
  await sandbox.run(['mount', '-t', 'hugetlbfs', '-o', 'pagesize=1G,mode=0700', 'hugetlbfs', path]);
  const other = await insist(sandbox, ['hugepages', 'apply'], 1);
  expect(other.stderr).toMatch(
    /left alone: mode 0700 instead of 0777, without nosuid, without nodev\n {2}→ when nobody/,
  );
  expect(await options()).toMatch(/mode=700/);
  // At boot that is told, and no reason to fail a unit.
  const atBoot = await insist(sandbox, ['hugepages', 'apply', '--boot'], 0);
  expect(atBoot.stderr).toBe(other.stderr);
  await sandbox.run(['umount', path]);
  await sandbox.write(`${path}/somebodys`, '');
  expect((await insist(sandbox, ['hugepages', 'apply'], 1)).stderr).toMatch(
    /is not empty: it holds somebodys\n/,
  );
  await sandbox.remove(`${path}/somebodys`);
});

test('load, unload and reload say in a sentence what is in the way', async () => {
  const refused = async (args: readonly string[], code: number, text: RegExp): Promise<void> => {
    const { stdout, stderr } = await insist(sandbox, args, code);
    expect(stdout).toBe('');
    expect(stderr).toMatch(text);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  };
  for (const action of ['load', 'reload']) {
    await refused(
      [action],
      1,
      new RegExp(`^not ${action}ed: tenstorrent is blacklisted in \\S+\n {2}→ take`),
    );
  }
  expect((await insist(sandbox, ['unload'], 0)).stdout).toBe('no driver is loaded\n');
  await refused(
    ['--root', '/srv', 'load'],
    1,
    /^not loaded: .*in a chroot.*\n {2}→ run it on the machine itself/,
  );
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
  for (const action of ['load', 'unload', 'reload']) {
    const { code, stderr } = await sandbox.run([...nobody, '/usr/bin/ttkmdctl', action], {
      allowFailure: true,
    });
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/^.*Root alone may .*\n {2}→ as root: ttkmdctl/),
    ]);
  }
});

// Without the blacklist, a kernel that has modules would be given one that was built for another.
test.skipIf(existsSync('/proc/modules'))('a kernel without modules is told of', async () => {
  await sandbox.remove('/etc/modprobe.d/no-card.conf');
  for (const action of ['load', 'reload']) {
    const { stderr } = await insist(sandbox, [action], 1);
    expect(stderr).toMatch(
      new RegExp(`^not ${action}ed: this kernel cannot load modules: .*\n {2}→ boot a kernel`),
    );
  }
  expect((await insist(sandbox, ['boot'], 1)).stderr).toMatch(/not loaded: this kernel cannot load modules/);
  await sandbox.write('/etc/modprobe.d/no-card.conf', 'blacklist tenstorrent\n');
});

test('has a line for those who log in, and only while health is not ok', async () => {
  const script = '/usr/share/ttkmd/login-message.sh';
  await sandbox.remove('/run/ttkmd/status.json');
  expect((await sandbox.run([script])).stdout).toBe('');
  const { stdout: document } = await sandbox.ttkmdctl(['status', '--json']);
  const compact = JSON.stringify(JSON.parse(document));
  for (const [text, expected] of [
    [document, /^ttkmd: the health of Tenstorrent's driver is failed; what to do: ttkmdctl status\n$/],
    [compact, /is failed/],
    [compact.replace('"health":"failed"', '"health":"ok"'), /^$/],
    ['{"hea', /^$/],
  ] as const) {
    await sandbox.write('/run/ttkmd/status.json', text);
    expect((await sandbox.run([script])).stdout).toMatch(expected);
    expect((await sandbox.run(['sh', '-euc', `. ${script}`])).stdout).toMatch(expected);
  }
});

const POOL = '/sys/devices/system/node/node0/hugepages/hugepages-1048576kB';

/** A node whose kernel gives every page at once: the machine's own is not touched. */
async function fakePool(sandbox: Sandbox): Promise<void> {
  await sandbox.run(['mount', '-t', 'tmpfs', 'nodes', '/sys/devices/system/node']);
  for (const name of ['nr', 'free', 'surplus']) await sandbox.write(`${POOL}/${name}_hugepages`, '0\n');
  await sandbox.write(
    '/sys/devices/system/node/node0/meminfo',
    'Node 0 MemTotal: 67108864 kB\nNode 0 MemFree: 67108864 kB\n',
  );
}

/** Whether the machine's own kernel mounts pages of 1 GiB, of which none need be there. */
async function trueMount(sandbox: Sandbox): Promise<boolean> {
  await sandbox.run(['mkdir', '/run/try']);
  const mount = ['mount', '-t', 'hugetlbfs', '-o', 'pagesize=1G', 'hugetlbfs', '/run/try'];
  const { code } = await sandbox.run(mount, { allowFailure: true });
  if (code === 0) await sandbox.run(['umount', '/run/try']);
  return code === 0;
}
