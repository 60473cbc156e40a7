// The driver in the kernel beside the one on disk: when it is reloaded, how, and what is said where it is not.
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { contentIdentity } from '../../../src/driver/installed.ts';
import { digest } from '../../../src/reconcile/digest.ts';
import { HOOKS_FOLDER } from '../../../src/reconcile/hook-files.ts';
import { cardsOf } from '../../../src/reconcile/look.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { askedObstacle } from '../../../src/reconcile/plan-driver.ts';
import { type Report, reconcile } from '../../../src/reconcile/reconcile.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import { readHistory } from '../../../src/state/history.ts';
import { loadState } from '../../../src/state/state.ts';
import { fakeKernel, holder, type KernelOptions, loadedModule, moduleText } from '../support/fake-kernel.ts';
import {
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  NOW,
  POLICY,
  planHost,
} from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';

const A = '6.12.58-gentoo-dist';
const MODULE = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
const COPY = '/run/ttkmd/loaded/AB280/tenstorrent.ko';
const PCI = '/sys/bus/pci/devices/0000:01:00.0';
const DEVICE: Files = {
  [`${PCI}/vendor`]: '0x1e52\n',
  [`${PCI}/device`]: '0xb140\n',
  [`${PCI}/driver`]: { link: '../../../bus/pci/drivers/tenstorrent' },
  '/proc/sys/kernel/random/boot_id': 'this-boot\n',
};
const FREE: Files = { ...DEVICE, [`${PCI}/driver`]: { folder: true } };
const WAITING: Files = Object.fromEntries(Object.entries(FREE).filter(([path]) => path !== `${PCI}/driver`));
const setting = (reload: string): Files => ({ '/etc/ttkmd/ttkmd.conf': `[driver]\nreload = ${reload}\n` });

function record(boot = 'this-boot', driver: object | undefined = undefined): Files {
  const one = { version: '2.9.0', sourceHash: '', at: NOW, trigger: 'cli', seconds: 1, boot };
  return { '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, modules: { [A]: one }, driver }) };
}

/** 2.9.0 is on disk, by us, and 2.8.0 in the kernel, of which there is a copy. */
const DUE: Files = {
  ...current(A, '2.9.0'),
  [MODULE]: moduleText(A, '2.9.0'),
  ...driverSource('2.9.0'),
  ...DEVICE,
  ...loadedModule('2.8.0'),
  [COPY]: moduleText(A, '2.8.0'),
};

/** The source's hash is not known before it is read: what was built is what is there. */
function recorded(files: Files, given: Files = record()): MemoryHost {
  const host = machine({ ...files, ...given }, { machine: { runningRelease: A }, exec: fakeKernel(A) });
  settleRecord(host);
  return host;
}

function settleRecord(host: MemoryHost): void {
  const text = host.fs.readText('/var/lib/ttkmd/state.json');
  if (text === undefined) return;
  const data = JSON.parse(text) as { modules: Record<string, { version?: string }> };
  // A record of another version than the wanted one is not compared.
  for (const one of Object.values(data.modules)) one.version = 'of-old';
  host.fs.write('/var/lib/ttkmd/state.json', JSON.stringify(data));
}

describe('a reload is planned', () => {
  const failed = (retryAt?: number): object => ({
    boot: 'this-boot',
    failure: { step: 'reload', module: 'MODULE', text: 'no', hint: 'mend it', at: 1, retryAt },
  });
  it.each<[string, Files, Files, Partial<Policy>, string[]]>([
    ['when-idle, by the daemon', DUE, setting('when-idle'), { trigger: 'watch' }, [`reload ${A} 2.9.0`]],
    ['when-idle, for a person', DUE, setting('when-idle'), {}, [`reload ${A} 2.9.0`]],
    ['when-idle, at boot', DUE, setting('when-idle'), { trigger: 'boot' }, [`reload ${A} 2.9.0`]],
    ['not while a kernel is installed', DUE, setting('when-idle'), { trigger: 'kernel-event' }, []],
    ['never, by default', DUE, {}, { trigger: 'boot' }, []],
    ['never', DUE, setting('never'), { trigger: 'boot' }, []],
    ['at boot, where that is the setting', DUE, setting('boot'), { trigger: 'boot' }, [`reload ${A} 2.9.0`]],
    ['and then at no other time', DUE, setting('boot'), { trigger: 'watch' }, []],
    [
      'not while a process holds the device',
      { ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3') },
      setting('when-idle'),
      { trigger: 'watch' },
      [`wait ${A}`],
    ],
    [
      'not at boot either',
      { ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3') },
      setting('boot'),
      { trigger: 'boot' },
      [],
    ],
    [
      'not while another module uses it',
      { ...DUE, ...loadedModule('2.8.0', 1) },
      setting('when-idle'),
      { trigger: 'timer' },
      [`wait ${A}`],
    ],
    ['not where it is the same', { ...DUE, ...loadedModule('2.9.0') }, setting('when-idle'), {}, []],
    [
      'where it is another build of one version',
      { ...DUE, ...loadedModule('2.9.0'), '/sys/module/tenstorrent/srcversion': 'AB280' },
      setting('when-idle'),
      {},
      [`reload ${A} 2.9.0`],
    ],
    [
      'not of a driver of the kernel itself',
      { ...DUE, '/sys/module/tenstorrent/taint': '\n' },
      setting('when-idle'),
      {},
      [],
    ],
    [
      'not where the one on disk would not be loaded',
      { ...DUE, '/etc/modprobe.d/no.conf': 'blacklist tenstorrent\n' },
      setting('when-idle'),
      {},
      [],
    ],
  ])('%s', async (_, files, more, policy, expected) => {
    expect(inShort(await planHost(recorded({ ...files, ...more }), policy))).toEqual(expected);
  });

  it('not of a module that somebody else put on disk', async () => {
    const host = machine(
      { ...DUE, ...setting('when-idle') },
      { machine: { runningRelease: A }, exec: fakeKernel(A) },
    );
    expect(inShort(await planHost(host))).toEqual([]);
  });

  it('not without a copy to put back, at boot either', async () => {
    const without = (reload: string) => {
      const host = recorded({ ...DUE, ...setting(reload) });
      host.fs.removeTree('/run/ttkmd/loaded');
      return host;
    };
    expect(inShort(await planHost(without('when-idle')))).toEqual([]);
    expect(inShort(await planHost(without('boot'), { trigger: 'boot' }))).toEqual([]);
  });

  it('not by a kernel that cannot unload', async () => {
    const host = recorded({ ...DUE, ...setting('when-idle') });
    host.fs.remove('/sys/module/tenstorrent/refcnt');
    expect(inShort(await planHost(host))).toEqual([]);
  });

  it.each<[string, number | undefined, string[]]>([
    ['not after it has failed with this module', undefined, []],
    ['not before the time for another question', NOW + 1000, []],
    ['again after that', NOW - 1000, [`reload ${A} 2.9.0`]],
  ])('%s', async (_, retryAt, expected) => {
    const host = recorded({ ...DUE, ...setting('when-idle') }, record('this-boot', failed(retryAt)));
    const { observation } = await judgeHost(host);
    const text = host.fs.readText('/var/lib/ttkmd/state.json') ?? '';
    host.fs.write('/var/lib/ttkmd/state.json', text.replace('MODULE', observation.loading.module ?? ''));
    expect(inShort(await planHost(host))).toEqual(expected);
  });

  it('again where another module was installed since', async () => {
    const host = recorded({ ...DUE, ...setting('when-idle') }, record('this-boot', failed()));
    expect(inShort(await planHost(host))).toEqual([`reload ${A} 2.9.0`]);
  });
});

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

  it('nothing of that where the record is too old to tell', async () => {
    const { problems } = await problemsOf(recorded(STALE, record(undefined)));
    const old = await problemsOf(machine(STALE, { machine: { runningRelease: A }, exec: fakeKernel(A) }));
    expect(problems.map(({ code }) => code)).toContain('stale-driver');
    expect(old.problems.map(({ code }) => code)).not.toContain('stale-driver');
  });
});

const READY: Files = { ...current(A, '2.9.0'), ...driverSource('2.9.0'), ...WAITING };

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

function run(host: MemoryHost, policy: Partial<Policy> = {}): Promise<Report> {
  return reconcile(host, {
    config: loadConfig(host.fs).config,
    configWarnings: [],
    policy: { ...POLICY, trigger: 'watch', ...policy },
    dryRun: false,
    patience: 0,
    signal: new AbortController().signal,
    makeOptions: undefined,
    onEvent() {},
    onWait() {},
  });
}

/** A machine on which 2.8.0 was built and loaded by us, and a source of 2.9.0 has come. */
async function grown(more: Files = {}, options: KernelOptions = {}): Promise<MemoryHost> {
  let isReady = false;
  const kernel = fakeKernel(A);
  const later = fakeKernel(A, options);
  const host = machine(
    { ...gentooKernel(A), ...driverSource('2.8.0'), ...WAITING, ...setting('when-idle') },
    { machine: { runningRelease: A }, exec: (call, on) => (isReady ? later : kernel)(call, on) },
  );
  await run(host);
  isReady = true;
  host.put({ ...driverSource('2.9.0'), ...DEVICE, ...more });
  return host;
}

const ended = ({ done }: Report): string[] =>
  done
    .filter(({ step }) => /load/i.test(step.kind))
    .map(({ step, outcome, text }) => `${step.kind} ${outcome}: ${text}`);
const version = (host: MemoryHost) => host.fs.readText('/sys/module/tenstorrent/version')?.trim();
const HOOK = { text: '#!/bin/sh\n', mode: 0o755 };
const HOOKS: Files = { [`${HOOKS_FOLDER}/pre-reload`]: HOOK, [`${HOOKS_FOLDER}/post-reload`]: HOOK };
const told = (host: MemoryHost): string[] =>
  host.exec.calls
    .filter(({ command }) => command.startsWith(HOOKS_FOLDER))
    .map(({ options }) => `${options?.env?.TTKMD_EVENT} ${options?.env?.TTKMD_OUTCOME ?? ''}`.trim());

describe('a reload', () => {
  it('follows the installation, with nothing left behind', async () => {
    const host = await grown();
    expect(version(host)).toBe('2.8.0');
    expect(ended(await run(host))).toEqual(['reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0']);
    expect(version(host)).toBe('2.9.0');
    expect(host.fs.exists(COPY)).toBe(false);
    expect(loadState(host.fs).driver).toBeUndefined();
    expect((await run(host)).outcome).toBe('nothing-to-do');
    const { problems } = await judgeHost(host);
    expect(problems).toEqual([]);
  });

  it('tells the admin’s programs before and after', async () => {
    const answered: ExecFunctionLike = ({ command }) => (command.startsWith(HOOKS_FOLDER) ? '' : undefined);
    const host = await grown(HOOKS, { first: answered });
    await run(host);
    expect(told(host)).toEqual(['pre-reload', 'post-reload done']);
    const { options } = host.exec.calls.find(({ command }) => command.endsWith('pre-reload')) ?? {};
    expect(options?.env).toMatchObject({
      TTKMD_RELEASE: A,
      TTKMD_VERSION: '2.9.0',
      TTKMD_LOADED: '2.8.0',
      TTKMD_DEVICES: '0000:01:00.0',
    });
    expect(readHistory(host.fs).map(({ step, outcome }) => `${step} ${outcome}`)).toEqual(
      expect.arrayContaining(['pre-reload-hook done', 'post-reload-hook done', 'reload done']),
    );
  });

  it('is refused by the admin’s program, which is asked again later', async () => {
    const host = await grown(HOOKS, {
      first: ({ command }) =>
        command.endsWith('pre-reload')
          ? { code: 1, stdout: 'job 7 is running\n' }
          : command.endsWith('post-reload')
            ? ''
            : undefined,
    });
    expect(ended(await run(host))).toEqual([
      `reload skipped: not reloaded: refused: job 7 is running (${HOOKS_FOLDER}/pre-reload ended with 1)`,
    ]);
    expect(version(host)).toBe('2.8.0');
    expect(told(host)).toEqual(['pre-reload', 'post-reload failed']);
    expect((await run(host)).outcome).toBe('nothing-to-do');
    const { problems } = await judgeHost(host);
    expect(problems.map(({ code, message }) => `${code}: ${message}`).join()).toMatch(
      /reload-failed: .*job 7 is running/,
    );
    const written = readHistory(host.fs).length;
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host))).toHaveLength(1);
    expect(told(host)).toHaveLength(4);
    // The wait grows, and what was written down is not written down each time.
    host.clock.advance(15 * 60_000);
    expect((await run(host)).outcome).toBe('nothing-to-do');
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host))).toHaveLength(1);
    expect(readHistory(host.fs)).toHaveLength(written);
  });

  it('is not tried without the program that cannot be trusted', async () => {
    const host = await grown({ [`${HOOKS_FOLDER}/pre-reload`]: { text: '', mode: 0o777 } });
    expect(ended(await run(host))[0]).toMatch(
      /not reloaded: refused \(.*is not run: it can be written to by everybody\)/,
    );
    expect(version(host)).toBe('2.8.0');
  });

  it('puts the old module back, with its parameters, where the new one does not load, and does not try that again', async () => {
    const host = await grown({}, { refuses: ['2.9.0'] });
    expect(ended(await run(host))[0]).toMatch(
      /^reload failed: not loaded: .*Invalid argument.*; 2\.8\.0 was put back$/,
    );
    expect(version(host)).toBe('2.8.0');
    expect(host.exec.calls.map(({ line }) => line)).toContain(
      `insmod ${COPY} reset_limit=3 note="two words"`,
    );
    expect(host.exec.calls.map(({ line }) => line)).toContain('modprobe -a hwmon');
    const before = host.exec.calls.length;
    for (const trigger of ['watch', 'timer', 'boot', 'cli'] as const) {
      expect((await run(host, { trigger })).outcome).toBe('nothing-to-do');
    }
    expect(host.exec.calls.slice(before).filter(({ command }) => command === 'modprobe')).toEqual([]);
    const judgement = await judgeHost(host);
    expect(judgement.problems.map(({ code }) => code)).toEqual(['reload-failed']);
    expect(digest(judgement, undefined).again).toBeUndefined();
  });

  it('puts the old module back where the device is gone under the new one', async () => {
    const host = await grown({}, { blind: ['2.9.0'] });
    expect(ended(await run(host))[0]).toMatch(
      /loaded tenstorrent 2\.9\.0, but no device appeared.*2\.8\.0 was put back/,
    );
    expect(version(host)).toBe('2.8.0');
    expect(host.fs.exists('/dev/tenstorrent/0')).toBe(true);
  });

  it('is tried again where the failed module is replaced', async () => {
    const host = await grown({}, { refuses: ['2.9.0'] });
    await run(host);
    host.put(driverSource('2.10.0'));
    expect(ended(await run(host))).toEqual(['reload done: loaded tenstorrent 2.10.0 in the place of 2.8.0']);
  });

  it('says that nothing is loaded where the old one does not come back either, and does not try forever', async () => {
    const host = await grown({}, { refuses: ['2.9.0', '2.8.0'] });
    expect(ended(await run(host))[0]).toMatch(/; 2\.8\.0 could not be put back: .*Invalid argument/);
    expect(version(host)).toBeUndefined();
    host.put(WAITING);
    host.fs.remove(`${PCI}/driver`);
    expect((await run(host)).outcome).toBe('nothing-to-do');
    const { problems, health } = await judgeHost(host);
    expect(health).toBe('failed');
    expect(problems.find(({ code }) => code === 'not-loaded')?.message).toMatch(/could not be put back/);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(0);
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(1);
    // The wait grows: what refuses for hours is not asked each quarter of an hour.
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(0);
    host.clock.advance(15 * 60_000);
    expect(ended(await run(host, { trigger: 'timer' }))).toHaveLength(1);
    // But not without end.
    for (let n = 0; n < 6; n += 1) {
      host.clock.advance(4 * 60 * 60_000);
      expect(ended(await run(host, { trigger: 'timer' })), `try ${n}`).toHaveLength(1);
    }
  });

  it.each<[string, ExecFunctionLike]>([
    [
      'while the admin’s program drained',
      ({ command }, on) => {
        if (command.endsWith('pre-reload')) take(on as MemoryHost);
        return command.startsWith(HOOKS_FOLDER) ? '' : undefined;
      },
    ],
    [
      'between the last look and the unloading: the kernel itself refuses',
      ({ line, command }, on) => {
        if (line === 'modprobe -r tenstorrent') take(on as MemoryHost);
        return command.startsWith(HOOKS_FOLDER) ? '' : undefined;
      },
    ],
  ])('is put off where somebody opens the device %s', async (_, first) => {
    const host = await grown(HOOKS, { first });
    const report = await run(host);
    expect(ended(report)[0]).toMatch(
      /^reload skipped: not (re|un)loaded: the device is in use by python3 \(pid 4711/,
    );
    expect(version(host)).toBe('2.8.0');
    expect(told(host)).toEqual(['pre-reload', 'post-reload failed']);
    expect(report.outcome).toBe('done');
    // Not each minute: what uses the card was drained for it.
    expect(digest(report.after, report).again).toBe(15 * 60_000);
    host.put({ '/sys/module/tenstorrent/refcnt': '0\n' });
    host.fs.removeTree('/proc/4711');
    expect(await planHost(host)).toEqual([]);
    host.clock.advance(15 * 60_000);
    expect((await planHost(host)).map(({ kind }) => kind)).toEqual(['reload']);
  });

  it('waits for the holder who is there from the start, and is done when it lets go', async () => {
    const host = await grown({ ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' });
    const report = await run(host);
    expect(ended(report)).toEqual([]);
    expect(report.after.driver.reload?.obstacle?.text).toContain('python3 (pid 4711');
    expect(digest(report.after, report).again).toBe(60_000);
    host.put({ '/sys/module/tenstorrent/refcnt': '0\n' });
    host.fs.removeTree('/proc/4711');
    expect(ended(await run(host))).toEqual(['reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0']);
  });

  it('is not begun by itself in the run of an installation either, where nothing could be put back', async () => {
    // What is loaded is not what lay on disk: there is no file to be kept.
    const host = await grown(loadedModule('2.7.0'));
    expect(ended(await run(host))[0]).toMatch(/^reload skipped: .*no copy/);
    expect(version(host)).toBe('2.7.0');
  });

  it('is not begun where it could not be written down', async () => {
    const host = await grown(HOOKS);
    await run(host, { trigger: 'kernel-event' });
    const fs = {
      ...host.fs,
      write(path: string, ...rest: never[]) {
        if (path.endsWith('state.json'))
          throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
        (host.fs.write as (path: string, ...rest: never[]) => void)(path, ...rest);
      },
    };
    expect(ended(await run({ ...host, fs } as MemoryHost))).toEqual([
      'reload skipped: not begun, since it could not be written down that it has',
    ]);
    expect(version(host)).toBe('2.8.0');
    expect(told(host)).toEqual([]);
  });
});

type ExecFunctionLike = NonNullable<KernelOptions['first']>;

function take(host: MemoryHost): void {
  for (const [path, text] of Object.entries({
    '/proc/4711/comm': 'python3\n',
    '/proc/4711/status': 'Uid:\t0\t0\t0\t0\n',
    '/sys/module/tenstorrent/refcnt': '1\n',
  })) {
    host.fs.write(path, text);
  }
  host.fs.link('/dev/tenstorrent/0', '/proc/4711/fd/5');
}

describe('by command', () => {
  const asked = (host: MemoryHost, driver: 'load' | 'unload' | 'reload') =>
    run(host, { trigger: 'cli', driver });

  it('unload lasts until a person asks for the driver again, or the next boot', async () => {
    const host = await grown(setting('never'));
    expect(ended(await asked(host, 'unload'))).toEqual(['unload done: unloaded tenstorrent']);
    host.fs.remove(`${PCI}/driver`);
    for (const trigger of ['watch', 'timer', 'boot', 'cli'] as const) {
      expect(ended(await run(host, { trigger }))).toEqual([]);
    }
    const { problems } = await judgeHost(host);
    expect(problems.map(({ code }) => code)).toEqual(['unloaded']);
    host.put({ '/proc/sys/kernel/random/boot_id': 'next-boot\n' });
    expect((await planHost(host, { trigger: 'boot' })).map(({ kind }) => kind)).toEqual(['load']);
    host.put({ '/proc/sys/kernel/random/boot_id': 'this-boot\n' });
    expect(ended(await asked(host, 'load'))).toEqual(['load done: loaded tenstorrent 2.9.0']);
    expect(loadState(host.fs).driver).toBeUndefined();
  });

  it('load where it is loaded, and unload where it is not, have nothing to do', async () => {
    const host = await grown();
    expect((await asked(host, 'load')).outcome).toBe('nothing-to-do');
    await asked(host, 'unload');
    expect((await asked(host, 'unload')).outcome).toBe('nothing-to-do');
  });

  it.each(['unload', 'reload'] as const)(
    '%s does nothing while somebody holds the device',
    async (action) => {
      const host = await grown({ ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' });
      const before = host.exec.calls.length;
      expect((await asked(host, action)).outcome).toBe('nothing-to-do');
      expect(host.exec.calls.slice(before).map(({ command }) => command)).not.toContain('modprobe');
    },
  );

  it('reload asks the admin’s program to drain what holds the device', async () => {
    const host = await grown(
      { ...HOOKS, ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' },
      {
        first({ command }, on) {
          if (!command.startsWith(HOOKS_FOLDER)) return undefined;
          on.fs.removeTree('/proc/4711');
          on.fs.write('/sys/module/tenstorrent/refcnt', '0\n');
          return '';
        },
      },
    );
    expect(ended(await asked(host, 'reload'))).toEqual([
      'reload done: loaded tenstorrent 2.8.0 in the place of 2.8.0',
    ]);
    expect(told(host)).toEqual(['pre-reload', 'post-reload done']);
  });

  it('reload fails where it is still held after that', async () => {
    const host = await grown(
      { ...HOOKS, ...holder(4711, 'python3'), '/sys/module/tenstorrent/refcnt': '1\n' },
      { first: ({ command }) => (command.startsWith(HOOKS_FOLDER) ? '' : undefined) },
    );
    const report = await asked(host, 'reload');
    expect(ended(report)[0]).toMatch(/^reload failed: not reloaded: the device is in use by python3/);
    expect(told(host)).toEqual(['pre-reload', 'post-reload failed']);
    expect(version(host)).toBe('2.8.0');
  });

  it('reload is refused where the loaded driver could not be put back, unless it is forced', async () => {
    const host = recorded(DUE);
    host.fs.removeTree('/run/ttkmd/loaded');
    expect(askedObstacle(await judgeHost(host), 'reload')).toMatchObject({
      text: expect.stringMatching(/no copy of the loaded driver/),
      hint: expect.stringMatching(/reboot.*ttkmdctl reload --force/),
    });
    expect((await asked(host, 'reload')).outcome).toBe('nothing-to-do');
    expect(version(host)).toBe('2.8.0');
    const forced = await run(host, { trigger: 'cli', driver: 'reload', force: true });
    expect(ended(forced)).toEqual(['reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0']);
  });

  it('reload is done after a failure that stands', async () => {
    let refuses = ['2.9.0'];
    const host = await grown(
      {},
      {
        first: (call, on) => (refuses.length > 0 ? fakeKernel(A, { refuses })(call, on) : undefined),
      },
    );
    await run(host);
    refuses = [];
    expect(ended(await asked(host, 'reload'))).toEqual([
      'reload done: loaded tenstorrent 2.9.0 in the place of 2.8.0',
    ]);
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

it('a module is known again by whatever path it is reached', () => {
  const host = machine({
    '/usr/lib/modules/x/a.ko': 'text',
    '/usr/lib/modules/x/b.ko': 'text',
    '/alias': { link: 'usr/lib' },
  });
  const [one, same, other] = [
    '/alias/modules/x/a.ko',
    '/usr/lib/modules/x/a.ko',
    '/alias/modules/x/b.ko',
  ].map((path) => contentIdentity(host.fs, path));
  expect(same).toBe(one);
  expect(other).not.toBe(one);
});

describe('processes are looked at', () => {
  it.each<[string, Files, Partial<Policy>, boolean]>([
    ['where a reload waits for them', setting('when-idle'), { trigger: 'watch' }, true],
    ['not where nothing is reloaded by itself', {}, { trigger: 'watch' }, false],
    ['never by a hook of a kernel’s installation', setting('when-idle'), { trigger: 'kernel-event' }, false],
    ['never for hugepages', setting('when-idle'), { part: 'hugepages' }, false],
    ['not where the loaded driver is the one on disk', loadedModule('2.9.0', 1), { trigger: 'timer' }, false],
    ['where a person wants to unload it', {}, { driver: 'unload' }, true],
  ])('%s', async (_, more, policy, expected) => {
    const host = recorded({ ...DUE, ...loadedModule('2.8.0', 1), ...holder(4711, 'python3'), ...more });
    const looked: string[] = [];
    const fs = { ...host.fs, list: (path: string) => host.fs.list(looked[looked.push(path) - 1] ?? path) };
    await run({ ...host, fs } as MemoryHost, policy);
    expect(looked.includes('/proc/4711/fd')).toBe(expected);
  });
});

it('a reload that was killed has another look follow at once, and not at the next resync', async () => {
  const reloading = { release: A, from: '2.8.0', fromSource: 'AB280', to: '2.9.0' };
  const host = recorded(DUE, record('this-boot', { boot: 'this-boot', reloading }));
  expect(digest(await judgeHost(host), undefined).again).toBe(5000);
});
