// The driver in the kernel beside the one on disk: what is said where they differ.
import { describe, expect, it } from 'vitest';
import { digest } from '../../../src/reconcile/digest.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { holder, loadedModule } from '../support/fake-kernel.ts';
import { type Files, judgeHost, machine } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { A, COPY, DUE, READY, record, recorded, setting } from '../support/reload-hosts.ts';

async function problemsOf(host: MemoryHost) {
  const judgement = await judgeHost(host);
  return {
    again: digest(judgement, undefined).again,
    problems: judgement.problems.map(({ code, message, hint }) => ({ code, text: `${message} → ${hint}` })),
  };
}

describe('what is said', () => {
  const BUSY = { ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3') };
  it.each<[string, Files, string, RegExp, number | undefined]>([
    [
      'of never',
      DUE,
      'reload-due',
      /^driver 2\.8\.0 is loaded, 2\.9\.0 is on disk: a reload or a reboot is due; .*driver\.reload is never → reboot, or .*ttkmdctl reload$/,
      undefined,
    ],
    [
      'of boot',
      { ...DUE, ...setting('boot') },
      'reload-due',
      /replaced at the next boot → reboot, or/,
      undefined,
    ],
    [
      'of what is about to be done',
      { ...DUE, ...setting('when-idle') },
      'reload-due',
      /at the next look/,
      60_000,
    ],
    [
      'of those who hold it',
      { ...BUSY, ...setting('when-idle') },
      'reload-due',
      /in use by python3 \(pid 4711, 0\) → it is reloaded when nobody uses the device/,
      60_000,
    ],
    [
      'of users that nobody sees',
      { ...DUE, ...loadedModule('2.8.0', 2), ...setting('when-idle') },
      'reload-due',
      /has 2 users, and none is a process/,
      60_000,
    ],
    [
      'of one that is being unloaded',
      { ...DUE, ...setting('when-idle'), '/sys/module/tenstorrent/refcnt': '-1\n' },
      'reload-due',
      /the driver is being unloaded at this moment/,
      60_000,
    ],
    [
      'of node permissions',
      {
        ...DUE,
        '/usr/lib/udev/rules.d/50-tenstorrent.rules': 'SUBSYSTEM=="tenstorrent", MODE="0666"\n',
        '/dev/tenstorrent/0': { special: '240:0', mode: 0o600 },
      },
      'device-permissions',
      /\/dev\/tenstorrent\/0 has the permissions 0600; \/usr\/lib\/\S+ says 0666 → .*udevadm trigger/,
      undefined,
    ],
  ])('%s', async (_, files, code, text, again) => {
    const found = await problemsOf(recorded(files));
    expect(found.problems.find((one) => one.code === code)?.text).toMatch(text);
    expect(found.again).toBe(again);
    expect(found.problems.map((one) => one.code)).not.toContain('stale-driver');
  });

  const STALE = Object.fromEntries(Object.entries(DUE).filter(([path]) => path !== COPY));
  const FORCE = /or at the risk that the device is without a driver, as root: ttkmdctl reload --force$/;
  it.each<[string, string | null, string, RegExp]>([
    ['boot', 'this-boot', 'there is no copy', /→ make the initramfs .* anew, without it, and reboot;/],
    ['when-idle', 'this-boot', 'there is no copy', /→ make the initramfs .* anew, without it, and reboot;/],
    ['never', 'this-boot', 'driver.reload is never', /→ make the initramfs .* anew, without it, and reboot;/],
    ['boot', null, 'there is no copy', /→ reboot, and should it be loaded again, make the initramfs/],
  ])(
    'of %s where nothing can be put back, the boot of the installation being %s',
    async (reload, boot, why, hint) => {
      const files = { ...STALE, ...setting(reload) };
      const { problems, again } = await problemsOf(recorded(files, record(boot)));
      const text = problems.find(({ code }) => code === 'reload-due')?.text;
      expect(text).toContain(why);
      expect(text).toMatch(hint);
      expect(text).toMatch(FORCE);
      expect(text).not.toContain('at the next boot');
      expect(again).toBeUndefined();
    },
  );

  it.each<[string, Files, RegExp | undefined]>([
    [
      'on a dist-kernel',
      {},
      /2\.8\.0, srcversion AB280.*emerge --config =sys-kernel\/gentoo-kernel-6\.12\.58/,
    ],
    [
      'with dracut',
      { '/usr/bin/dracut': '', [`/usr/src/linux-${A}/dist-kernel`]: '' },
      /dracut --force --kver/,
    ],
    [
      'with mkinitcpio',
      { '/usr/bin/mkinitcpio': '', [`/usr/src/linux-${A}/dist-kernel`]: '' },
      /mkinitcpio -P/,
    ],
    [
      'with genkernel',
      { '/usr/bin/genkernel': '', [`/usr/src/linux-${A}/dist-kernel`]: '' },
      /genkernel .*initramfs/,
    ],
    [
      'with initramfs-tools',
      { '/usr/sbin/update-initramfs': '', [`/usr/src/linux-${A}/dist-kernel`]: '' },
      /update-initramfs -u -k/,
    ],
    ['not where a copy of it was kept when its file was replaced', { [COPY]: 'x' }, undefined],
    ['not of a driver of the kernel itself', { '/sys/module/tenstorrent/taint': '' }, undefined],
  ])('of a driver that the disk does not explain, %s', async (_, more, text) => {
    const found = (await problemsOf(recorded({ ...STALE, ...more }))).problems.find(
      ({ code }) => code === 'stale-driver',
    );
    if (text === undefined) expect(found).toBeUndefined();
    else expect(found?.text).toMatch(text);
  });

  it.each([
    ['there', record(), true],
    ['too old to tell', record(null), false],
    ['not there', {}, false],
  ])('of a stale driver where the record is %s', async (_, given, expected) => {
    const { problems } = await problemsOf(recorded(STALE, given));
    expect(problems.some(({ code }) => code === 'stale-driver')).toBe(expected);
  });
});

it('programs find in the status which driver is loaded, and whether another is due', async () => {
  const entry = async (host: MemoryHost): Promise<unknown> => {
    const judgement = await judgeHost(host);
    return (statusDocument(judgement, undefined, cardsOf(host, judgement)) as { driver: object }).driver;
  };
  expect(await entry(recorded(DUE))).toMatchObject({
    loaded: '2.8.0',
    loadedModule: { version: '2.8.0', srcversion: 'AB280', users: 0 },
    reloadDue: true,
    reloadObstacle: 'the setting driver.reload is never',
  });
  expect(await entry(machine(READY, { machine: { runningRelease: A } }))).toMatchObject({
    loaded: null,
    loadedModule: null,
    reloadDue: false,
    reloadObstacle: null,
  });
});

it('a reload that was killed has another look follow at once, and not at the next resync', async () => {
  const reloading = { release: A, from: '2.8.0', fromSource: 'AB280', to: '2.9.0' };
  const host = recorded(DUE, record('this-boot', { boot: 'this-boot', reloading }));
  expect(digest(await judgeHost(host), undefined).again).toBe(5000);
});
