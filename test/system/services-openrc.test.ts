// The services with the real OpenRC, which has not booted this machine.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insist, printed } from './support/machine.ts';
import { addNewerOpenrc, addOpenrc, newerOpenrcPart, pretendBooted } from './support/openrc.ts';
import { parts } from './support/parts.ts';
import { type RunResult, Sandbox } from './support/sandbox.ts';
import { listenAsSyslog } from './support/syslog.ts';

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

  describe('whose supervisor can hand messages on', () => {
    let obstacle: string | undefined;
    let root: string;
    beforeAll(async () => {
      const part = await newerOpenrcPart().catch((error: Error) => {
        obstacle = `Debian 13's OpenRC cannot be had: ${error.message}`;
        console.warn(`NOT SHOWN: that the daemon's messages go to syslog. ${obstacle}`);
      });
      if (part === undefined) return;
      root = await addNewerOpenrc(sandbox, part);
      await pretendBooted(sandbox, root);
      // There is no Node in there: the command, when asked, finds everything well.
      await sandbox.write(`${root}/usr/bin/ttkmdctl`, '#!/bin/sh\nexit 0\n', 0o755);
      await layDaemon(sandbox, root);
      await setting('supervise_daemon_args="--respawn-delay 1"');
    });

    const setting = (line: string): Promise<void> => sandbox.write(`${root}/etc/conf.d/ttkmd`, `${line}\n`);
    const newer = (verb: string): Promise<RunResult> =>
      sandbox.run(['chroot', root, 'rc-service', 'ttkmd', verb], { allowFailure: true });

    test('has them go to syslog', async ({ skip }) => {
      if (obstacle !== undefined) skip(obstacle);
      const heard = await listenAsSyslog(sandbox, `${root}/dev/log`);
      const hears = (words: RegExp): Promise<void> => expect.poll(heard, { timeout: 60_000 }).toMatch(words);
      const start = await newer('start');
      expect(start.code, printed(start)).toBe(0);
      // daemon.info and daemon.err
      await hears(/^<30>.* ttkmd: daemon up$/m);
      await hears(/^<27>.* ttkmd: daemon worries$/m);
      const status = await newer('status');
      expect(status.code, printed(status)).toBe(0);
      expect(printed(status)).toMatch(/status: started\n.*health: ok\n/);

      expect((await newer('reload')).code).toBe(0);
      await hears(/^<30>.* ttkmd: reloaded$/m);
      await sandbox.run(['sh', '-c', `kill -KILL "$(cat ${root}/run/daemon.pid)"`]);
      await hears(/ ttkmd: reloaded\n(?:.*\n)*<30>.* ttkmd: daemon up$/m);

      expect((await newer('stop')).code).toBe(0);
      await hears(/^<30>.* ttkmd: ended$/m);
      expect((await newer('status')).code).toBe(3);
      await expect
        .poll(() => sandbox.processes().map(({ name }) => name), { timeout: 20_000 })
        .not.toContain('logger');
      expect(await sandbox.exists(`${root}/var/log/ttkmd`)).toBe(false);
      // The init script itself has nothing to complain of.
      expect(await heard()).not.toMatch(/init\.d|--help/);
    });

    test.for([
      ['the file that is wanted', '/x'],
      ['a file in a folder for everybody, which stays one', '/tmp/x'],
    ])('has them go to %s', async ([, file = ''], { skip }) => {
      if (obstacle !== undefined) skip(obstacle);
      await setting(`ttkmd_log=${file}`);
      await writesTo(file);
      expect((await sandbox.run(['stat', '-c', '%a', `${root}/tmp`])).stdout).toBe('1777\n');
    });

    test('has them go to a file where no syslog daemon runs', async ({ skip }) => {
      if (obstacle !== undefined) skip(obstacle);
      await setting('ttkmd_log=syslog');
      await sandbox.remove(`${root}/dev/log`);
      await writesTo('/var/log/ttkmd/daemon.log');
    });

    async function writesTo(file: string): Promise<void> {
      const start = await newer('start');
      expect(start.code, printed(start)).toBe(0);
      await expect
        .poll(() => sandbox.read(`${root}${file}`).catch(() => ''), { timeout: 60_000 })
        .toBe('daemon up\ndaemon worries\n');
      expect((await newer('stop')).code).toBe(0);
    }
  });
});

/** Stands in for the daemon alone; every other command is the one that is there. */
async function layDaemon(sandbox: Sandbox, root = ''): Promise<void> {
  await sandbox.run(['mv', `${root}/usr/bin/ttkmdctl`, `${root}/usr/bin/ttkmdctl.real`]);
  const script = `#!/bin/sh
[ "$1" = daemon ] || exec /usr/bin/ttkmdctl.real "$@"
echo $$ > /run/daemon.pid
trap 'echo reloaded' HUP
trap 'echo ended; exit 0' TERM
echo daemon up
echo daemon worries >&2
while :; do sleep 0.1; done
`;
  await sandbox.write(`${root}/usr/bin/ttkmdctl`, script, 0o755);
}
