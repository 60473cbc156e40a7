// The services with the real systemctl and systemd-analyze, of a systemd that has not booted this machine.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configure, insist, prepared, printed, states } from './support/machine.ts';
import { parts } from './support/parts.ts';
import { PROJECT } from './support/project.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

const UNITS = '/usr/lib/systemd/system';
const WANTS = '/etc/systemd/system/multi-user.target.wants';
const OURS = ['tenstorrent.target', 'ttkmd-boot.service', 'ttkmd-hugepages.service', 'ttkmd.service'];
const MOUNT = 'dev-hugepages\\x2d1G.mount';
const HEALTH = 'ttkmd-health.service';

/** What README.md says of `systemd-analyze security`, by systemd 252; others look at more or less. */
const EXPOSURE = {
  'ttkmd.service': 5.6,
  'ttkmd-boot.service': 5.6,
  'ttkmd-hugepages.service': 3.8,
  [HEALTH]: 2.8,
};
const TOLERANCE = 0.3;

describe('systemd', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await prepared({ dkms: dkms.v32, kernels: [kernels.v61] });
  });
  afterAll(() => sandbox.dispose());

  test('finds nothing to complain of in the units', async () => {
    const units = [...OURS, HEALTH, MOUNT].map((name) => `${UNITS}/${name}`);
    const { stdout, stderr } = await sandbox.run(['systemd-analyze', 'verify', '--man=no', ...units]);
    // Other units of the machine may have their own troubles.
    expect(
      `${stdout}${stderr}`.split('\n').filter((line) => /ttkmd|tenstorrent|hugepages/.test(line)),
    ).toEqual([]);
  });

  test('boots with an /opt that comes over the network, and a network that comes after sysinit.target', async () => {
    const folder = '/etc/systemd/system';
    await sandbox.write(`${folder}/opt.mount`, '[Mount]\nWhat=server:/opt\nWhere=/opt\nType=nfs\n');
    const network = '[Unit]\nBefore=network.target network-online.target\n[Service]\nExecStart=/bin/true\n';
    await sandbox.write(`${folder}/brings-network.service`, network);
    await sandbox.run([
      'sh',
      '-c',
      `mkdir -p ${folder}/network-online.target.wants && ln -s ../brings-network.service ${folder}/network-online.target.wants`,
    ]);
    const { stdout, stderr } = await sandbox.run([
      'systemd-analyze',
      'verify',
      '--man=no',
      `${UNITS}/ttkmd-hugepages.service`,
      'opt.mount',
      'multi-user.target',
    ]);
    expect(`${stdout}${stderr}`).not.toContain('ordering cycle');
    await sandbox.run(['rm', '-r', `${folder}/opt.mount`, `${folder}/brings-network.service`]);
  });

  test.each(Object.entries(EXPOSURE))('rates %s as README.md says', async (unit, told) => {
    const { stdout } = await sandbox.run(
      ['systemd-analyze', 'security', '--offline=true', '--no-pager', `${UNITS}/${unit}`],
      { allowFailure: true },
    );
    const found = Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(stdout)?.[1]);
    expect(found, stdout).toBeLessThanOrEqual(told + TOLERANCE);
    const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8').replace(/\s+/g, ' ');
    expect(readme).toContain(`\`${unit}\` ${told}`);
  });

  test('builds with the rights that the unit leaves, and may look at processes that have more', async () => {
    const unit = await sandbox.read(`${UNITS}/ttkmd.service`);
    const kept = [...unit.matchAll(/^CapabilityBoundingSet=(.*)$/gm)].flatMap(([, names = '']) =>
      names.split(' ').map((name) => `+${name.slice('CAP_'.length).toLowerCase()}`),
    );
    await configure(sandbox, '[watch]\nsettle = 0s\n');
    const confined = ['setpriv', '--no-new-privs', `--bounding-set=-all,${kept.join(',')}`];
    const result = await sandbox.run([...confined, '/usr/bin/ttkmdctl', 'reconcile', '--trigger=watch'], {
      allowFailure: true,
    });
    expect(result.code, printed(result)).toBe(0);
    expect(await states(sandbox)).toEqual({ [kernels.v61.release]: 'current' });
    // As dkms looks at process 1, to tell whether it is in a chroot and must not sign.
    const mighty = sandbox.spawn(['sleep', '60'], { stdio: 'ignore' });
    await sandbox.run([...confined, 'stat', '-L', `/proc/${mighty.pid}/root`]);
    const tooConfined = ['setpriv', `--bounding-set=-sys_ptrace`, 'stat', '-L', `/proc/${mighty.pid}/root`];
    expect((await sandbox.run(tooConfined, { allowFailure: true })).code).toBe(1);
    mighty.kill();
  });

  test('enables, shows and disables the services with the real systemctl', async () => {
    const before = await insist(sandbox, ['service', 'status'], 1);
    expect(before.stdout).toMatch(/under systemd, which does not run here now/);
    expect(before.stdout).toMatch(/ttkmd\.service +not enabled\n/);
    expect(before.stdout).toMatch(/→ start them at each boot, as root: ttkmdctl service enable\n/);
    const enabled = await insist(sandbox, ['service', 'enable', '--now'], 0);
    expect(enabled.stdout).toMatch(/nothing was started or stopped: no init runs here/);
    expect(await sandbox.list(WANTS)).toEqual(expect.arrayContaining(OURS));
    expect((await insist(sandbox, ['service', 'status'], 0)).stdout).toMatch(/ttkmd\.service +enabled\n/);
    // As tt-system-tools brings it.
    const theirs = 'tenstorrent-hugepages.service';
    const text = '[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=sysinit.target\n';
    await sandbox.write(`${UNITS}/${theirs}`, text);
    await sandbox.run(['systemctl', 'enable', theirs]);
    const beside = await insist(sandbox, ['service', 'status'], 0);
    expect(beside.stdout).toMatch(
      /· tenstorrent-hugepages\.service is enabled beside ttkmd.*systemctl disable/,
    );
    await sandbox.run(['systemctl', 'disable', theirs]);
    await sandbox.run(['rm', `${UNITS}/${theirs}`]);
    await insist(sandbox, ['service', 'disable'], 0);
    expect(await sandbox.list(WANTS)).not.toEqual(expect.arrayContaining(['ttkmd.service']));
  });

  test('does so in another root from outside, and by its own hand where no systemctl is', async () => {
    await sandbox.run(['mkdir', '-p', `/opt/other${UNITS}`, '/opt/other/usr/lib/systemd', '/opt/other/etc']);
    await sandbox.write('/opt/other/usr/lib/systemd/systemd', 'ELF', 0o755);
    await sandbox.run(['sh', '-c', `cp ${UNITS}/ttkmd* ${UNITS}/tenstorrent.target /opt/other${UNITS}`]);
    const links = async (): Promise<string> => {
      const found = ['find', `/opt/other${WANTS}`, '-type', 'l', '-printf', '%f %l\n'];
      return (await sandbox.run(found, { allowFailure: true })).stdout.split('\n').sort().join('\n').trim();
    };
    await insist(sandbox, ['--root', '/opt/other', 'service', 'enable'], 0);
    const bySystemctl = await links();
    expect(bySystemctl).toBe(OURS.map((name) => `${name} ${UNITS}/${name}`).join('\n'));
    await insist(sandbox, ['--root', '/opt/other', 'service', 'status'], 0);
    await insist(sandbox, ['--root', '/opt/other', 'service', 'disable'], 0);
    expect(await links()).toBe('');
    await sandbox.run(['mv', '/usr/bin/systemctl', '/usr/bin/systemctl.away']);
    await insist(sandbox, ['--root', '/opt/other', 'service', 'enable'], 0);
    await sandbox.run(['mv', '/usr/bin/systemctl.away', '/usr/bin/systemctl']);
    expect(await links()).toBe(bySystemctl);
  });

  test('says what to do where there is neither systemd nor OpenRC: to look is no failed step', async () => {
    await sandbox.run(['mkdir', '-p', '/opt/bare/etc']);
    const looked = await insist(sandbox, ['--root', '/opt/bare', 'service', 'status'], 1);
    expect(looked.stdout).toMatch(/neither systemd nor OpenRC .*\n.*ttkmdctl boot.*ttkmdctl daemon/is);
    const { stdout } = await insist(sandbox, ['--root', '/opt/bare', 'service', 'status', '--json'], 1);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1, init: null, live: false, services: [] });
    await insist(sandbox, ['--root', '/opt/bare', 'service', 'enable'], 6);
  });

  test('has nothing left of us after uninstall', async () => {
    await insist(sandbox, ['service', 'enable'], 0);
    await insist(sandbox, ['uninstall'], 0);
    const left = [...(await sandbox.list(UNITS)), ...(await sandbox.list(WANTS))];
    expect(left.filter((name) => /ttkmd|tenstorrent|hugepages-|hugepages.x2d/.test(name))).toEqual([]);
    expect(await sandbox.exists('/usr/share/ttkmd')).toBe(false);
  });
});
