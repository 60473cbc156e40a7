// The step that loads the driver: when it is planned, and what it says of a kernel that refuses.
import { describe, expect, it } from 'vitest';
import { applyLoad } from '../../../src/reconcile/apply-load.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import type { Report } from '../../../src/reconcile/reconcile.ts';
import {
  current,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  machine,
  module,
  planHost,
} from '../support/machines.ts';
import { type ExecAnswer, type MemoryHost, memoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const V1 = driverSource('2.9.0');
const PCI = '/sys/bus/pci/devices/0000:01:00.0';
const DEVICE: Files = { [`${PCI}/vendor`]: '0x1e52\n', [`${PCI}/device`]: '0xb140\n' };
const GIVEN_AWAY: Files = { ...DEVICE, [`${PCI}/driver`]: { link: '../../../bus/pci/drivers/vfio-pci' } };
const LOADED: Files = { '/sys/module/tenstorrent/version': '2.9.0\n' };
const READY = { ...current(A, '2.9.0'), ...V1 };
const BUILD_A = [`build ${A} 2.9.0`, `install ${A} 2.9.0`];

describe('loading is planned', () => {
  it.each<[string, Files, Partial<Policy>, string[]]>([
    ['at boot', { ...READY, ...DEVICE }, { trigger: 'boot' }, [`load ${A}`]],
    ['for a person', { ...READY, ...DEVICE }, { trigger: 'cli' }, [`load ${A}`]],
    ['by the daemon', { ...READY, ...DEVICE }, { trigger: 'watch' }, [`load ${A}`]],
    ['by the clock', { ...READY, ...DEVICE }, { trigger: 'timer' }, [`load ${A}`]],
    ['never while a kernel is installed', { ...READY, ...DEVICE }, { trigger: 'kernel-event' }, []],
    ['not without a device', READY, { trigger: 'boot' }, []],
    ['not where one is loaded', { ...READY, ...DEVICE, ...LOADED }, { trigger: 'boot' }, []],
    ['not for a device that vfio-pci has', { ...READY, ...GIVEN_AWAY }, { trigger: 'boot' }, []],
    ['not for another kernel alone', { ...READY, ...DEVICE }, { trigger: 'cli', only: B }, []],
    ['for the running kernel alone', { ...READY, ...DEVICE }, { trigger: 'cli', only: A }, [`load ${A}`]],
    [
      'after the build that it needs',
      { ...gentooKernel(A), ...V1, ...DEVICE },
      { trigger: 'boot' },
      ['register 2.9.0', ...BUILD_A, `load ${A}`],
    ],
    [
      'with an older module that still fits, where the newer one cannot be built',
      {
        ...gentooKernel(A, { without: ['scripts/mod/modpost'] }),
        ...module(A, '2.8.0'),
        ...V1,
        ...DEVICE,
      },
      { trigger: 'boot' },
      [`load ${A}`, `wait ${A}`],
    ],
    [
      'not with a module of another kernel',
      {
        ...gentooKernel(A, { without: ['scripts/mod/modpost'] }),
        ...module(A, '2.9.0', '5.4.0 SMP mod_unload '),
        ...V1,
        ...DEVICE,
      },
      { trigger: 'boot' },
      [`wait ${A}`],
    ],
  ])('%s', async (_, files, policy, expected) => {
    const host = machine(files, { machine: { runningRelease: A } });
    expect(inShort(await planHost(host, policy))).toEqual(expected);
  });

  it('not in a chroot', async () => {
    const host = machine({ ...READY, ...DEVICE }, { machine: { runningRelease: undefined, chrooted: true } });
    expect(inShort(await planHost(host, { trigger: 'boot' }))).toEqual([]);
  });
});

interface Scene {
  readonly files?: Files;
  /** What modprobe answers, and what it brings. */
  readonly modprobe?: ExecAnswer;
  readonly brings?: Files;
  readonly dmesg?: string;
}

function scene({ files = {}, modprobe = '', brings = {}, dmesg = '' }: Scene): MemoryHost {
  const host: MemoryHost = memoryHost({
    files,
    exec: [
      {
        on: 'modprobe -b tenstorrent',
        answer: () => {
          host.put(brings);
          return modprobe;
        },
      },
      { on: 'udevadm settle', answer: { code: 127 } },
      { on: 'dmesg', answer: dmesg },
    ],
  });
  return host;
}

const refused = (why: string): ExecAnswer => ({
  code: 1,
  stderr: `modprobe: ERROR: could not insert 'tenstorrent': ${why}\n`,
});

describe('loading', () => {
  it('is done when the module is there and a device has appeared', async () => {
    const host = scene({ brings: { ...LOADED, '/dev/tenstorrent/0': '' } });
    expect(await applyLoad(host, A)).toEqual({ outcome: 'done', text: 'loaded tenstorrent 2.9.0' });
  });

  it.each<[string, Scene, RegExp, RegExp]>([
    [
      'a blacklist',
      { files: { '/etc/modprobe.d/local.conf': '# no card today\nblacklist tenstorrent\n' } },
      /^not loaded: tenstorrent is blacklisted in \/etc\/modprobe\.d\/local\.conf$/,
      /take it off that list/,
    ],
    [
      'a blacklist on the command line',
      { files: { '/proc/cmdline': 'root=/dev/sda1 modprobe.blacklist=nouveau,tenstorrent quiet\n' } },
      /blacklisted in \/proc\/cmdline/,
      /take it off that list/,
    ],
    [
      "the kernel's own blacklist",
      {
        modprobe: refused('Operation not permitted'),
        dmesg: '[    5.1] Module tenstorrent is blacklisted\n',
      },
      /the kernel command line blacklists it/,
      /module_blacklist=/,
    ],
    [
      'a key that nobody knows',
      {
        modprobe: refused('Key was rejected by service'),
        dmesg: '[ 7.0] Loading of unsigned module is rejected\n',
      },
      /signed modules only.*Key was rejected by service; Loading of unsigned module is rejected/,
      /see which key that is: ttkmdctl signing status; with Secure Boot, as root: ttkmdctl signing enroll.*reboot.*ttkmdctl reconcile --force/,
    ],
    [
      'the same as the last time',
      {
        modprobe: refused('Key was rejected by service'),
        dmesg:
          '[ 7.0] Loading of module with unavailable key is rejected\n[ 9.0] Loading of module with unavailable key is rejected\n',
      },
      /\(could not insert 'tenstorrent': Key was rejected by service; Loading of module with unavailable key is rejected\)$/,
      /signing enroll/,
    ],
    [
      'a module of another kernel',
      {
        modprobe: refused('Invalid module format'),
        dmesg:
          "[1.0] usb 1-1: new device\n[    9.1] tenstorrent: version magic '6.1.0 SMP' should be '6.12.58 SMP'\n",
      },
      /built for another kernel.*version magic '6\.1\.0 SMP' should be/,
      new RegExp(`ttkmdctl reconcile --kernel ${A} --force`),
    ],
    [
      'a symbol that is missing',
      {
        modprobe: refused('Unknown symbol in module, or unknown parameter (see dmesg)'),
        dmesg: '[9.2] tenstorrent: Unknown symbol hwmon_device_register_with_info (err -2)\n',
      },
      /lacks something.*hwmon_device_register_with_info/,
      /--force/,
    ],
    [
      'a module that is not indexed',
      {
        modprobe: {
          code: 1,
          stderr: `modprobe: FATAL: Module tenstorrent not found in directory /lib/modules/${A}\n`,
        },
      },
      /modprobe does not find it/,
      new RegExp(`depmod ${A}`),
    ],
    [
      'an old message of the kernel does not hide what modprobe says now',
      {
        modprobe: refused('Unknown symbol in module, or unknown parameter (see dmesg)'),
        dmesg: '[1.0] tenstorrent: version magic is another\n',
      },
      /lacks something/,
      /--force/,
    ],
    ['nothing at all', { modprobe: { code: 137 } }, /^not loaded: the kernel did not take it$/, /dmesg/],
    [
      'a card that does not answer',
      { brings: LOADED, dmesg: '[9.9] tenstorrent 0000:01:00.0: probe failed with error -5\n' },
      /^loaded tenstorrent 2\.9\.0, but no device appeared.*probe failed with error -5/,
      /dmesg \| grep tenstorrent/,
    ],
  ])('explains %s', async (_, given, text, hint) => {
    const found = await applyLoad(scene(given), A);
    expect(found.outcome).toBe('failed');
    expect(found.text).toMatch(text);
    expect(found.hint).toMatch(hint);
  });
});

function boot(host: MemoryHost, signal = new AbortController().signal): Promise<Report> {
  return runReconcile(host, { trigger: 'boot' }, { signal });
}

it('a module that a killed run had taken away is put back and loaded, though a new one does not build', async () => {
  const lost: Files = {
    [`/lib/modules/${A}/kernel/extra/.tenstorrent.ko.ttkmd-kept`]: `version=2.8.0\0vermagic=${A} SMP mod_unload \0`,
    '/var/lib/ttkmd/state.json': JSON.stringify({
      schema: 1,
      intent: { release: A, version: '2.9.0', step: 'install' },
    }),
  };
  const host: MemoryHost = machine(
    { ...gentooKernel(A), ...V1, ...DEVICE, ...lost },
    {
      machine: { runningRelease: A },
      exec(call, on) {
        if (call.command === 'modprobe') host.put({ ...LOADED, '/dev/tenstorrent/0': '' });
        if (call.args[0] === 'build') return { code: 10 };
        return call.command === 'udevadm' || call.command === 'modprobe' ? '' : workingDkms(call, on);
      },
    },
  );
  const { done } = await boot(host);
  const ended = done.map(({ step, outcome }) => `${step.kind} ${outcome}`);
  expect(ended.filter((text) => /clean|load/.test(text))).toEqual(['clean done', 'load done']);
});

describe('a run whose build takes too long', () => {
  const OLDER = { ...current(A, '2.8.0'), ...driverSource('2.8.0'), ...V1, ...DEVICE };

  /** Ends the run while it builds, for some reason. */
  async function endedWhileBuilding(reason: Error): Promise<string[]> {
    const controller = new AbortController();
    const host: MemoryHost = machine(OLDER, {
      machine: { runningRelease: A },
      exec(call, on) {
        if (call.args[0] === 'build') {
          controller.abort(reason);
          return { cancelled: true };
        }
        if (call.command === 'modprobe') host.put({ ...LOADED, '/dev/tenstorrent/0': '' });
        return call.command === 'udevadm' || call.command === 'modprobe' ? '' : workingDkms(call, on);
      },
    });
    const { done } = await boot(host, controller.signal);
    return done
      .map(({ step, outcome }) => `${step.kind} ${outcome}`)
      .filter((text) => /build|load/.test(text));
  }

  it('loads the older module that is there: the machine has booted with a card', async () => {
    const ended = await endedWhileBuilding(new DOMException('too late', 'TimeoutError'));
    expect(ended).toEqual(['build failed', 'load done']);
  });

  it("does not keep a booting machine waiting for the admin's hook, which comes last and has no time left", async () => {
    const controller = new AbortController();
    const hook = '/etc/ttkmd/hooks.d/build-failed';
    const host: MemoryHost = machine(
      { ...OLDER, [hook]: { text: '#!/bin/sh\nsleep 1000\n', mode: 0o755 } },
      {
        machine: { runningRelease: A },
        exec(call, on) {
          if (call.command === hook) return { timedOut: true };
          if (call.args[0] === 'build') {
            controller.abort(new DOMException('too late', 'TimeoutError'));
            return { cancelled: true };
          }
          if (call.command === 'modprobe') host.put({ ...LOADED, '/dev/tenstorrent/0': '' });
          return call.command === 'udevadm' || call.command === 'modprobe' ? '' : workingDkms(call, on);
        },
      },
    );
    const { done } = await boot(host, controller.signal);
    expect(done.map(({ step, outcome }) => `${step.kind} ${outcome}`)).toContain('load done');
    const called = host.exec.calls.filter(({ command }) => command === hook || command === 'modprobe');
    expect(called.map(({ command }) => command)).toEqual(['modprobe', hook]);
    expect(called[1]?.options?.timeLimit).toBeLessThanOrEqual(10_000);
  });

  it('loads nothing where a person has ended it', async () => {
    const ended = await endedWhileBuilding(new DOMException('enough', 'AbortError'));
    expect(ended).toEqual(['build cancelled', 'load skipped']);
  });
});
