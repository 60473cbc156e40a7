// The life of a machine with a card, through real boots: the tests share one guest and follow each other, since a
// boot takes 15 to 40 s and a build half a minute.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { SAMPLE } from '../system/support/machine.ts';
import { expectPages, TWO_NODES, wantPages } from './support/card.ts';
import { Guest } from './support/guest.ts';
import type { Init } from './support/places.ts';
import {
  bootstrapped,
  built,
  compiles,
  daemonPid,
  noBuilders,
  nothingLeft,
  succeeds,
  until,
  untilLooked,
  WORDS,
} from './support/services.ts';
import { historyOf, statesOf, statusOf } from './support/status.ts';

const DEVICE = '/dev/tenstorrent/0';
const SWITCHES = `/usr/src/tenstorrent-${SAMPLE}/switches.mk`;
const HOLD_DEVICE = `setsid sh -c 'exec sleep 100000 <${DEVICE}' >/dev/null 2>&1 &`;

/** What the services' own stop may take: their limit is 30 s. */
const STOP_LIMIT_MS = 30_000;

export function lifeWith(init: Init): void {
  const words = WORDS[init];
  const hasSystemd = init === 'systemd';
  let guest: Guest;
  let first: string;
  let second: string;
  let failed = false;

  beforeAll(async () => {
    guest = await Guest.create(init);
    ({ first, second } = guest.image.kernels);
  });
  afterAll(() => guest?.dispose());

  /** After one that failed, the others would only tell of it again. */
  function part(name: string, work: () => Promise<void>): void {
    test(name, async ({ skip }) => {
      if (failed) skip('what comes before it failed');
      failed = true;
      try {
        await work();
        failed = false;
      } catch (error) {
        await tellAll();
        throw error;
      }
    });
  }

  async function tellAll(): Promise<void> {
    if (!guest.on) return;
    const commands = [
      words.log,
      'ttkmdctl status',
      'ttkmdctl history --all',
      'ls -l /run/ttkmd',
      'dmesg | tail',
    ];
    const script = commands.map((one) => `echo "--- ${one.replaceAll('"', '')}"; ${one}`).join('\n');
    const { stdout, stderr } = await guest.run(`{ ${script}\n } 2>&1`, { allowFailure: true });
    console.error(`${init}: ${stdout}${stderr}`);
  }

  async function expectDriver(cards = 1): Promise<void> {
    await guest.run(`test -c ${DEVICE}`);
    expect(await statusOf(guest)).toMatchObject({
      health: 'ok',
      devices: Array.from({ length: cards }, () => ({ family: 'wormhole', driver: 'tenstorrent' })),
      driver: { desired: SAMPLE, loaded: SAMPLE },
      problems: [],
      unreadable: [],
    });
  }

  /** One line for each step of the history about a kernel, from a place on. */
  async function steps(release: string, from = 0): Promise<string[]> {
    const entries = (await historyOf(guest)).slice(from);
    return entries
      .filter((entry) => entry.release === release)
      .map(({ trigger, step, outcome }) => `${trigger}: ${step} ${outcome}`);
  }

  part('a fresh machine is bootstrapped: the driver is built and loaded, and the services run', async () => {
    await guest.boot();
    expect(await succeeds(guest, 'which ttkmdctl')).toBe(false);
    await bootstrapped(guest);
    // The release's own Node.js is what it runs on.
    expect(await succeeds(guest, 'ls /usr/bin/node /usr/local/bin/node')).toBe(false);
    await expectDriver();
    const shown = await guest.run('ttkmdctl status', { allowFailure: true });
    expect(shown.status, shown.stdout).toBe(0);
    expect(shown.stdout).toContain(`driver ${SAMPLE} loaded, current`);
    await guest.run(words.isLoaded);
    await guest.run(words.isUp);
    await guest.run('ttkmdctl service status');
    expect(await steps(first)).toEqual([
      'bootstrap: build done',
      'bootstrap: install done',
      'bootstrap: load done',
    ]);
    await nothingLeft(guest);
    if (!hasSystemd) {
      expect((await guest.run('rc-service ttkmd status')).stdout).toMatch(/started.*health: ok/s);
      return;
    }
    await until(
      guest,
      'systemctl show -P StatusText ttkmd | grep -qx "ok: 1 of 1 kernel has the current driver"',
    );
    expect((await guest.run('systemctl show -P MainPID ttkmd')).stdout.trim()).toBe(
      String(await daemonPid(guest)),
    );
  });

  part(
    'a second kernel is prepared by the hook, while the daemon rests and somebody uses the device',
    async () => {
      await guest.run(words.stop);
      expect(await succeeds(guest, words.isUp)).toBe(false);
      await expect(daemonPid(guest)).rejects.toThrow(/but 0/);
      await guest.run(HOLD_DEVICE);
      await guest.addSecondKernel();
      await guest.runKernelHooks(second);
      expect(statesOf(await statusOf(guest))).toEqual({ [first]: 'current', [second]: 'current' });
      expect((await guest.run(`ttkmdctl ready ${second}`)).stdout).toMatch(/^ready: /);
      expect(await steps(second)).toEqual(['kernel-event: build done', 'kernel-event: install done']);
      expect(Number((await guest.run('cat /sys/module/tenstorrent/refcnt')).stdout)).toBeGreaterThan(0);
      // What the hook has done is found done.
      const prepared = await historyOf(guest);
      await untilLooked(guest, words.start);
      await guest.run(words.isUp);
      expect(await historyOf(guest)).toEqual(prepared);
    },
  );

  part('that kernel comes up with the driver, and nothing is built for it', async () => {
    const prepared = await historyOf(guest);
    await guest.goDown('reboot');
    await guest.keep();
    await guest.boot({ kernel: second });
    await expectDriver();
    await guest.run(words.isLoaded);
    const { kernels } = await statusOf(guest);
    expect(kernels.find(({ running }) => running)).toMatchObject({ release: second });
    const loads = (await historyOf(guest)).filter(({ step }) => step !== 'load');
    expect(loads).toEqual(prepared.filter(({ step }) => step !== 'load'));
  });

  part(
    'a kernel goes and another comes with no hook; its build is stopped, and its builder killed',
    async () => {
      const before = (await historyOf(guest)).length;
      const away = '/var/lib/away';
      await guest.run(
        `mkdir -p ${away}/boot && mv /boot/*-${first} ${away}/boot && mv /lib/modules/${first} ${away}/modules`,
      );
      await until(
        guest,
        `[ ! -e /var/lib/dkms/tenstorrent/kernel-${first}-x86_64 ] && [ ! -e /run/ttkmd/run.json ]`,
      );
      expect(statesOf(await statusOf(guest))).toEqual({ [second]: 'current' });
      await guest.run(
        `find ${away}/modules -name 'tenstorrent.ko*' -delete && mv ${away}/boot/* /boot && mv ${away}/modules /lib/modules/${first}`,
      );

      await compiles(guest);
      const { stdout } = await guest.run(
        `cd $(dirname $(grep -lsx make /proc/[0-9]*/comm | head -n1)) && awk '{ print $19 }' stat && readlink ns/mnt /proc/1/ns/mnt /proc/${await daemonPid(guest)}/ns/mnt`,
      );
      const [nice, ...namespaces] = stdout.trim().split('\n');
      expect(nice).toBe('10');
      // dkms signs only where it sees the file systems that process 1 sees.
      expect(namespaces).toHaveLength(3);
      expect(new Set(namespaces).size).toBe(1);

      const stoppedAt = Date.now();
      await guest.run(words.stop);
      expect(Date.now() - stoppedAt).toBeLessThan(STOP_LIMIT_MS);
      await noBuilders(guest);
      await guest.run('test ! -e /run/ttkmd/run.json');
      if (hasSystemd) expect((await guest.run('systemctl show -P Result ttkmd')).stdout).toBe('success\n');
      expect((await steps(first, before)).at(-1)).toBe('watch: build cancelled');

      await guest.run(words.start);
      await compiles(guest);
      const killed = await daemonPid(guest);
      await guest.run(`kill -9 ${killed}`);
      await until(guest, `pid=$(grep -lsx ttkmd /proc/[0-9]*/comm) && [ "$pid" != /proc/${killed}/comm ]`);
      await built(guest, first);
      await nothingLeft(guest);
      expect(statesOf(await statusOf(guest))).toEqual({ [first]: 'current', [second]: 'current' });
      expect((await steps(first, before)).slice(-3)).toEqual([
        'watch: build cancelled',
        'watch: build done',
        'watch: install done',
      ]);
      await guest.run(words.isUp);
      if (hasSystemd) expect((await guest.run('systemctl show -P NRestarts ttkmd')).stdout).toBe('1\n');
    },
  );

  part('a reload reads settings that nothing told of', async () => {
    const settings = '/root/linked.conf';
    // The daemon's own reading; what its children find begins with "health is".
    const said = (key: string): string => `${words.log} | grep -Eq '^(warning: )?/etc/ttkmd/.*${key}'`;
    await guest.write(settings, '[watch]\nsettel = 2s\n');
    await guest.run(`ln -s ${settings} /etc/ttkmd/ttkmd.conf.d/70-linked.conf`);
    await until(guest, said('settel'));
    // What a link leads to is not watched.
    await guest.write(settings, '[watch]\nsettlement = 2s\n');
    await guest.run('sleep 5');
    expect(await succeeds(guest, said('settlement'))).toBe(false);
    await guest.run(words.reload);
    await until(guest, said('settlement'));
    await until(guest, `${words.log} | grep -q 'health is degraded: .*settlement'`);
    if (hasSystemd) await until(guest, 'systemctl is-failed ttkmd-health');
    await guest.run(`rm /etc/ttkmd/ttkmd.conf.d/70-linked.conf && ${words.reload}`);
    await until(guest, `${words.log} | tail -n 5 | grep -q 'health is ok again'`);
    await guest.run(words.isUp);
  });

  if (hasSystemd) {
    part('a daemon that hangs is ended by the watchdog, and another one takes its place', async () => {
      const settings = '/etc/systemd/system/ttkmd.service.d/hurried.conf';
      await guest.write(settings, '[Service]\nWatchdogSec=20s\nTimeoutAbortSec=2s\nRestartSec=1s\n');
      await guest.run('systemctl daemon-reload');
      await untilLooked(guest, 'systemctl restart ttkmd');
      const hung = await daemonPid(guest);
      await guest.run(`kill -STOP ${hung}`);
      await until(guest, `[ "$(systemctl show -P NRestarts ttkmd)" = 1 ] && systemctl is-active ttkmd`);
      expect(await daemonPid(guest)).not.toBe(hung);
      expect((await guest.run(words.log)).stdout).toContain('Watchdog timeout');
      await guest.run(`rm ${settings} && systemctl daemon-reload`);
      await untilLooked(guest, 'systemctl restart ttkmd');
    });
  }

  part('a driver that cannot be built keeps no machine from booting, and status tells why', async () => {
    await guest.run(words.stop);
    // As if dkms had never heard of it; its own way there takes half a minute under emulation.
    await guest.run(
      `rm -r /var/lib/dkms/tenstorrent /lib/modules/*/updates/dkms && depmod ${first} && depmod ${second}`,
    );
    await guest.write(SWITCHES, 'broken = y\n');
    // One kernel shows it as well as two.
    await guest.write('/etc/ttkmd/ttkmd.conf.d/60-one.conf', `[kernels]\nexclude = ${first}\n`);
    await guest.reboot();
    await guest.run(words.isBooted);
    await guest.run(`test ! -e ${DEVICE}`);
    expect(await succeeds(guest, words.isLoaded)).toBe(false);
    await guest.run(words.isUp);
    const shown = await guest.run('ttkmdctl status', { allowFailure: true });
    expect(shown.status, shown.stdout).toBe(1);
    expect(shown.stdout).toMatch(/was asked not\s+to build/);
    const status = await statusOf(guest);
    expect(status).toMatchObject({ health: 'failed', driver: { loaded: null }, devices: [{ driver: null }] });
    expect(statesOf(status)).toMatchObject({ [second]: 'failed' });
    expect(await succeeds(guest, 'ttkmdctl service status')).toBe(false);
    await until(guest, `${words.log} | grep -q 'health is failed'`);
    if (!hasSystemd) {
      expect((await guest.run('rc-service ttkmd status 2>&1')).stdout).toMatch(/health: not ok/);
      return;
    }
    expect((await guest.run('systemctl is-active tenstorrent.target', { allowFailure: true })).stdout).toBe(
      'inactive\n',
    );
    await guest.run('systemctl is-failed ttkmd-boot');
    await until(guest, 'systemctl is-failed ttkmd-health');
  });

  part(
    'mended, it is built; the plug is pulled in the middle, and the next boot builds and loads it, with its pages',
    async () => {
      await guest.write(SWITCHES, '');
      await compiles(guest);
      // Somebody also puts in a second card, and memory for the pages of both: those alone are on the disk for sure.
      await guest.run(`sync ${await wantPages(guest)}`);
      await guest.pullThePlug();
      const before = Date.now();
      await guest.boot({ hardware: TWO_NODES, timeoutMs: 400_000 });
      await expectDriver(2);
      await guest.run(words.isPaged);
      await expectPages(guest);
      await guest.run(words.isLoaded);
      await guest.run(words.isUp);
      await nothingLeft(guest);
      // Whether there is something to clear away is the disk's matter: not all was written when the power went.
      const done = (await historyOf(guest)).filter(
        ({ at, step }) => at > before && !/^clean$|hugepages/i.test(step),
      );
      expect(done.map(({ trigger, step, outcome }) => `${trigger}: ${step} ${outcome}`)).toEqual([
        'boot: build done',
        'boot: install done',
        'boot: load done',
      ]);
      if (hasSystemd) {
        const fields = `TTKMD_STEP=build TTKMD_KERNEL=${second} TTKMD_TRIGGER=boot`;
        const told = `build tenstorrent ${SAMPLE} for ${second}: built (`;
        expect((await guest.run(`journalctl -q -b -u ttkmd-boot -o cat ${fields}`)).stdout).toContain(told);
        expect(await succeeds(guest, 'systemctl is-failed ttkmd-health')).toBe(false);
      }
      await guest.run('ttkmdctl service status');
      await guest.powerOff();
    },
  );
}
