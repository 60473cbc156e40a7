// What keeps the driver from being loaded is seen, said, and not tried.
import { describe, expect, it } from 'vitest';
import { readHistory } from '../../../src/state/history.ts';
import { fakeKernel, moduleText } from '../support/fake-kernel.ts';
import { dkmsRecord, type Files, inShort, judgeHost, machine, planHost } from '../support/machines.ts';
import { A, ended, MODULE, READY, run } from '../support/reload-hosts.ts';

describe('what keeps it from being loaded is seen, and not tried', () => {
  it.each<[string, Files, RegExp]>([
    [
      'a blacklist',
      { '/etc/modprobe.d/no.conf': 'blacklist tenstorrent\n' },
      /blacklisted in \/etc\/modprobe\.d\/no\.conf → take/,
    ],
    [
      "modprobe's blacklist on the command line",
      { '/proc/cmdline': 'modprobe.blacklist=tenstorrent\n' },
      /\/proc\/cmdline → .*boot loader/,
    ],
    [
      "the kernel's own",
      { '/proc/cmdline': 'quiet module_blacklist=a,tenstorrent\n' },
      /\/proc\/cmdline → .*boot loader/,
    ],
    [
      'an install line',
      { '/etc/modprobe.d/no.conf': 'install tenstorrent /bin/false\n' },
      /install line in \/etc\/modprobe\.d\/no\.conf/,
    ],
    [
      'an install line of true',
      { '/usr/lib/modprobe.d/x.conf': 'install tenstorrent \\\n  /usr/bin/true\n' },
      /install line/,
    ],
    [
      'modules that are locked',
      { '/proc/sys/kernel/modules_disabled': '1\n' },
      /modules_disabled is 1 → reboot/,
    ],
    ['a kernel without modules', { '/proc/version': 'Linux\n' }, /without CONFIG_MODULES/],
  ])('%s', async (_, files, text) => {
    const host = machine({ ...READY, ...files }, { machine: { runningRelease: A } });
    for (const trigger of ['boot', 'watch', 'timer', 'cli'] as const) {
      expect(inShort(await planHost(host, { trigger }))).toEqual([]);
    }
    const { problems, health } = await judgeHost(host);
    const found = problems.find(({ code }) => code === 'load-blocked');
    expect(`${found?.message} → ${found?.hint}`).toMatch(text);
    expect(health).toBe('failed');
  });

  it.each<[string, Files]>([
    [
      'an install line that may load it',
      { '/etc/modprobe.d/x.conf': 'install tenstorrent /sbin/modprobe --ignore-install tenstorrent\n' },
    ],
    [
      'a list that a file of the same name takes the place of',
      { '/usr/lib/modprobe.d/x.conf': 'blacklist tenstorrent\n', '/etc/modprobe.d/x.conf': '\n' },
    ],
    [
      "another module's",
      { '/etc/modprobe.d/x.conf': 'blacklist tenstorrent_other\n# blacklist tenstorrent\n' },
    ],
    ['a kernel with modules', { '/proc/version': 'Linux\n', '/proc/modules': '' }],
  ])('but not %s', async (_, files) => {
    const host = machine({ ...READY, ...files }, { machine: { runningRelease: A } });
    expect(inShort(await planHost(host))).toEqual([`load ${A}`]);
  });
});

it('a driver that the kernel refuses is not tried at each look', async () => {
  const host = machine(
    { ...READY, [MODULE]: moduleText(A, '2.9.0'), ...dkmsRecord('2.9.0', [A]) },
    { machine: { runningRelease: A }, exec: fakeKernel(A, { refuses: ['2.9.0'] }) },
  );
  expect(ended(await run(host))).toHaveLength(1);
  const entries = readHistory(host.fs).length;
  expect((await run(host)).outcome).toBe('nothing-to-do');
  expect(readHistory(host.fs)).toHaveLength(entries);
  expect((await judgeHost(host)).problems.find(({ code }) => code === 'not-loaded')?.message).toMatch(
    /Invalid argument/,
  );
  expect(ended(await run(host, { trigger: 'cli' }))).toHaveLength(1);
});
