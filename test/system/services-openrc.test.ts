// The services with the real OpenRC, which has not booted this machine.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insist, printed } from './support/machine.ts';
import { addOpenrc, pretendBooted } from './support/openrc.ts';
import { parts } from './support/parts.ts';
import { type RunResult, Sandbox } from './support/sandbox.ts';

const { dkms } = parts();

describe('OpenRC', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.create({ dkms: dkms.v32, tree: 'gentoo', dkmsHooks: 'none' });
    await addOpenrc(sandbox);
    await sandbox.installProgram();
  });
  afterAll(() => sandbox.dispose());

  const service = (script: string, verb: string): Promise<RunResult> =>
    sandbox.run(['rc-service', script, verb], { allowFailure: true });

  test('gets its init scripts, and the runlevel by the real rc-update', async () => {
    expect(await sandbox.list('/etc/init.d')).toEqual(
      expect.arrayContaining(['ttkmd', 'ttkmd-boot', 'ttkmd-hugepages']),
    );
    // The machine's systemd is there too, but would not be started.
    await sandbox.remove('/sbin/init');
    await sandbox.write('/sbin/init', 'ELF', 0o755);
    const before = await insist(sandbox, ['service', 'status'], 1);
    expect(before.stdout).toMatch(/under OpenRC, which does not run here now/);
    await insist(sandbox, ['service', 'enable'], 0);
    const shown = await sandbox.run(['rc-update', 'show', 'default']);
    expect(shown.stdout).toMatch(/ttkmd \| default/);
    expect(shown.stdout).toMatch(/ttkmd-boot \| default/);
    expect((await sandbox.run(['rc-update', 'show', 'boot'])).stdout).toMatch(/ttkmd-hugepages \| boot/);
    await insist(sandbox, ['service', 'disable'], 0);
    expect(await sandbox.list('/etc/runlevels/default')).toEqual([]);
    expect(await sandbox.list('/etc/runlevels/boot')).not.toContain('ttkmd-hugepages');
  });

  test('starts, shows, reloads, revives and stops them', async () => {
    await pretendBooted(sandbox);
    await layDaemon(sandbox);
    const enabled = await insist(sandbox, ['service', 'enable', '--now'], 0);
    expect(enabled.stdout).toMatch(/started ttkmd-hugepages\nstarted ttkmd-boot\nstarted ttkmd\n/);
    // However slow the machine is; the supervisor itself waits a moment before it revives.
    const says = (words: RegExp): Promise<void> =>
      expect
        .poll(() => sandbox.read('/var/log/ttkmd/daemon.log').catch(() => ''), { timeout: 60_000 })
        .toMatch(words);
    await says(/daemon up/);
    expect((await insist(sandbox, ['service', 'status'], 0)).stdout).toMatch(/ttkmd +enabled, running\n/);

    // Nothing is installed for the kernel that runs here, and no source is there: health is not ok.
    const status = await service('ttkmd', 'status');
    expect(status.code, printed(status)).toBe(0);
    expect(printed(status)).toMatch(/status: started[\s\S]*health: not ok[\s\S]*\/usr\/src\/tenstorrent-/);
    expect((await service('ttkmd', 'health')).code).toBe(1);

    expect((await service('ttkmd', 'reload')).code).toBe(0);
    await says(/reloaded/);
    await sandbox.run(['sh', '-c', 'kill -KILL "$(cat /run/daemon.pid)"']);
    await says(/daemon up[\s\S]*daemon up/);

    await insist(sandbox, ['service', 'disable', '--now'], 0);
    expect(await sandbox.read('/var/log/ttkmd/daemon.log')).toMatch(/ended\n$/);
    expect((await service('ttkmd', 'status')).code).toBe(3);
  });

  test.each(['ttkmd', 'ttkmd-boot', 'ttkmd-hugepages'])(
    '%s needs the file systems by the name that they have here',
    async (script) => {
      const ask =
        'for verb in need use after keyword; do eval "$verb() { echo $verb \\"\\$@\\"; }"; done; . "$0"; depend';
      const depends = async (): Promise<string> =>
        (await sandbox.run(['sh', '-c', `${ask}`, `/etc/init.d/${script}`])).stdout;
      expect(await depends()).toMatch(/^after mountall mountall\.sh\n(?!need)/);
      await sandbox.write('/etc/init.d/localmount', '#!/sbin/openrc-run\n', 0o755);
      expect(await depends()).toMatch(/^need localmount\n/);
      await sandbox.remove('/etc/init.d/localmount');
    },
  );

  test.each([
    [
      'syslog',
      'which can',
      '',
      '--stdout-logger',
      'logger -t ttkmd -p daemon.info||logger -t ttkmd -p daemon.err|',
    ],
    ['a file', 'which can do both', 'ttkmd_log=/x', '--stdout-logger', '|/x||/x'],
    [
      'a file',
      'which knows no logger',
      '',
      '--stdout',
      '|/var/log/ttkmd/daemon.log||/var/log/ttkmd/daemon.log',
    ],
  ])('has the messages go to %s with a supervisor %s (%s)', async (_, __, settings, option, expected) => {
    await sandbox.write(
      '/opt/supervisor/supervise-daemon',
      `#!/bin/sh\necho "  -1, ${option} <arg>  Redirect stdout" >&2\n`,
      0o755,
    );
    const ask = `PATH=/opt/supervisor:$PATH; ${settings}; . "$0"; echo "$output_logger|$output_log|$error_logger|$error_log"`;
    const shown = await sandbox.run(['sh', '-c', ask.replace('; ;', ';'), '/etc/init.d/ttkmd']);
    expect(shown.stdout).toBe(`${expected}\n`);
  });

  test('hears of a driver that cannot be loaded, and goes on', async () => {
    await sandbox.write(
      '/usr/bin/ttkmdctl',
      '#!/bin/sh\necho "not loaded: blacklisted" >&2\nexit 1\n',
      0o755,
    );
    const start = await service('ttkmd-boot', 'start');
    expect(start.code).toBe(1);
    expect(printed(start)).toMatch(/\* not loaded: blacklisted/);
    expect((await service('ttkmd-boot', 'status')).code).toBe(3);
  });
});

/** Stands in for the daemon alone; every other command is the real one. */
async function layDaemon(sandbox: Sandbox): Promise<void> {
  await sandbox.run(['mv', '/usr/bin/ttkmdctl', '/usr/bin/ttkmdctl.real']);
  const script = `#!/bin/sh
[ "$1" = daemon ] || exec /usr/bin/ttkmdctl.real "$@"
echo $$ > /run/daemon.pid
trap 'echo reloaded' HUP
trap 'echo ended; exit 0' TERM
echo daemon up
while :; do sleep 0.1; done
`;
  await sandbox.write('/usr/bin/ttkmdctl', script, 0o755);
}
