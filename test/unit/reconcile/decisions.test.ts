import { describe, expect, it } from 'vitest';
import { shadowIdentity } from '../../../src/driver/installed.ts';
import {
  buildTree,
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  module,
  NOW,
  planHost,
} from '../support/machines.ts';

import { A, B, BUILD_A, BUILD_B, FAILURE, framework, state, V1, withoutImage } from './host-rows.ts';

describe('a build that failed', () => {
  async function withFailure(change: object, files: Files = {}, policy = {}): Promise<string[]> {
    const base: Files = { ...gentooKernel(A), ...V1, ...dkmsRecord('2.9.0'), ...files };
    const host = machine(base);
    const probe = await judgeHost(host);
    const source = probe.driver.source;
    const kernel = probe.kernels[0]?.kernel;
    const failure = {
      ...FAILURE,
      sourceHash: source?.hash,
      tools: probe.observation.tools.get(A),
      abiIdentity: kernel?.abiIdentity,
      transient: false,
      ...change,
    };
    host.put(state({ failures: { [A]: failure } }));
    return inShort(await planHost(host, policy));
  }

  it('is not tried again while nothing has changed', async () => {
    expect(await withFailure({})).toEqual([]);
  });
  it.each([
    ['the source', { sourceHash: 'another' }],
    ['the version', { version: '2.8.0' }],
    ['the tools', { tools: 'gcc:1.2' }],
    ['the kernel', { abiIdentity: 'another', abiHash: 'another' }],
  ])('is tried again when %s has changed', async (_, change) => {
    expect(await withFailure(change)).toEqual(BUILD_A);
  });
  it('is tried again where the cause may go away by itself', async () => {
    expect(await withFailure({ transient: true })).toEqual(BUILD_A);
  });
  it('is tried again when a person asks', async () => {
    expect(await withFailure({}, {}, { force: true })).toEqual(BUILD_A);
    expect(await withFailure({}, {}, { only: A, retry: true })).toEqual(BUILD_A);
  });
  it('leaves the module that worked before, and says that it drifted', async () => {
    expect(await withFailure({}, module(A, '2.8.0'))).toEqual([]);
  });
  describe('because modprobe would load another file', () => {
    const path = `/lib/modules/${A}/updates/tenstorrent.ko`;
    const shadow: Files = {
      [path]: `version=2.9.0\0vermagic=${A} SMP mod_unload \0`,
      [`/lib/modules/${A}/modules.dep`]: 'updates/tenstorrent.ko:\n',
      '/etc/depmod.d/local.conf': 'search updates',
    };
    async function shadowed(files: Files): Promise<readonly [string, string[]]> {
      const host = machine({ ...gentooKernel(A), ...V1, ...dkmsRecord('2.9.0'), ...shadow });
      const { driver, observation, kernels } = await judgeHost(host);
      const failure = {
        ...FAILURE,
        code: 'shadowed',
        sourceHash: driver.source?.hash,
        tools: observation.tools.get(A),
        abiIdentity: kernels[0]?.kernel.abiIdentity,
        shadow: shadowIdentity(host.fs, A),
        transient: false,
      };
      host.put({ ...state({ failures: { [A]: failure } }), ...files });
      const judged = await judgeHost(host);
      return [judged.kernels[0]?.state ?? '', inShort(await planHost(host))];
    }

    it('is not tried again while that is there, though it is of the same version', async () => {
      expect(await shadowed({})).toEqual(['drifted', []]);
    });
    it.each<[string, Files]>([
      ['the file is another one', { [path]: `version=2.9.0\0vermagic=${A} SMP mod_unload \0more` }],
      ['modprobe would load another file', module(A, '2.9.0')],
      ['modprobe would load none', { [`/lib/modules/${A}/modules.dep`]: '' }],
      ["depmod's settings are others", { '/etc/depmod.d/local.conf': 'search extra updates' }],
      ['depmod has more settings', { '/usr/lib/depmod.d/more.conf': '' }],
    ])('is tried again when %s', async (_, files) => {
      expect((await shadowed(files))[1]).toEqual(BUILD_A);
    });
  });
  it('is never tried again where the kernel cannot take the driver', async () => {
    expect(await withFailure({ transient: true, unsupported: true })).toEqual([]);
  });
});

describe('policy', () => {
  const both = { ...gentooKernel(A), ...gentooKernel(B), ...V1, ...dkmsRecord('2.9.0') };

  it('keeps to one kernel where only one is meant', async () => {
    expect(inShort(await planHost(machine(both), { only: B }))).toEqual(BUILD_B);
  });
  it('leaves other versions alone where only one kernel is meant', async () => {
    const files = { ...current(A, '2.8.0'), ...driverSource('2.8.0'), ...V1 };
    expect(inShort(await planHost(machine(files), { only: A }))).toEqual(['register 2.9.0', ...BUILD_A]);
  });
  it('builds what is current when forced to', async () => {
    expect(inShort(await planHost(machine({ ...current(A, '2.9.0'), ...V1 }), { force: true }))).toEqual(
      BUILD_A,
    );
  });
  it('does nothing for a kernel that is not there', async () => {
    expect(inShort(await planHost(machine(both), { only: '9.9.9' }))).toEqual([]);
  });

  it('waits out the settle time before a kernel counts as gone', async () => {
    const host = machine({ ...current(A, '2.9.0'), ...V1, ...dkmsRecord('2.9.0', [A, B]) });
    host.put({ '/lib/modules': { folder: true, modified: NOW - 1000 } });
    expect(inShort(await planHost(host))).toEqual([`wait ${B}`]);
    expect(inShort(await planHost(host, { only: B, removed: true }))).toEqual([`forget ${B}`, `wait ${B}`]);
    host.clock.advance(2000);
    expect(inShort(await planHost(host))).toEqual([`forget ${B}`]);
  });
  it('does not wait for a time that a wrong clock has written', async () => {
    const host = machine({ ...current(A, '2.9.0'), ...V1, ...dkmsRecord('2.9.0', [A, B]) });
    host.put({ '/lib/modules': { folder: true, modified: NOW + 10 * 365 * 24 * 3_600_000 } });
    expect(inShort(await planHost(host))).toEqual([`forget ${B}`]);
  });
  it('forgets no kernel that is still there, whatever it is told', async () => {
    expect(
      inShort(await planHost(machine({ ...current(A, '2.9.0'), ...V1 }), { only: A, removed: true })),
    ).toEqual([]);
  });
});

describe('health', () => {
  const device: Files = {
    '/sys/bus/pci/devices/0000:01:00.0/vendor': '0x1e52\n',
    '/sys/bus/pci/devices/0000:01:00.0/device': '0xb140\n',
  };
  const loaded = (version: string): Files => ({
    '/sys/module/tenstorrent/version': `${version}\n`,
    '/sys/module/tenstorrent/refcnt': '0\n',
    '/sys/bus/pci/devices/0000:01:00.0/driver': { link: '../../../bus/pci/drivers/tenstorrent' },
  });
  it.each<[string, Files, string]>([
    ['all is right', { ...current(A, '2.9.0'), ...V1, ...device, ...loaded('2.9.0') }, 'ok'],
    ['no device and nothing loaded', { ...current(A, '2.9.0'), ...V1 }, 'ok'],
    [
      'another kernel lacks the driver',
      { ...current(A, '2.9.0'), ...gentooKernel(B), ...V1, ...loaded('2.9.0') },
      'degraded',
    ],
    [
      'sources that nobody has built',
      { ...current(A, '2.9.0'), ...V1, '/usr/src/linux-6.18/Makefile': 'VERSION = 6\nPATCHLEVEL = 18\n' },
      'ok',
    ],
    ['a leftover folder', { ...current(A, '2.9.0'), ...V1, [`/lib/modules/${B}`]: { folder: true } }, 'ok'],
    [
      'the running kernel has no driver although a device is there',
      { ...gentooKernel(A), ...V1, ...device },
      'failed',
    ],
    [
      'the running kernel has no modules but sources, and a device is there',
      { ...current(B, '2.9.0'), ...buildTree(`/usr/src/linux-${A}`, A), ...V1, ...device },
      'failed',
    ],
    [
      'the driver is there and not loaded although a device is',
      { ...current(A, '2.9.0'), ...V1, ...device },
      'failed',
    ],
    [
      'another version is loaded',
      { ...current(A, '2.9.0'), ...V1, ...device, ...loaded('2.8.0') },
      'degraded',
    ],
    [
      'a newer kernel lacks the driver, and its image is not where images are looked for',
      { ...current(A, '2.9.0'), ...withoutImage(gentooKernel(B)), ...V1, ...loaded('2.9.0') },
      'degraded',
    ],
    [
      'an older kernel lacks the driver, and its image is not where images are looked for',
      { ...current(A, '2.9.0'), ...withoutImage(gentooKernel('6.6.1')), ...V1, ...loaded('2.9.0') },
      'ok',
    ],
    [
      'a copy of the modules, and /boot is not mounted',
      {
        ...withoutImage(current(A, '2.9.0')),
        ...V1,
        [`/lib/modules/${A}.bak/kernel/fs/ext4.ko`]: 'x',
        [`/lib/modules/${A}.bak/build`]: { link: `/usr/src/linux-${A}` },
      },
      'ok',
    ],
    [
      "where dkms's records are takes bash to tell",
      { ...current(A, '2.9.0'), ...V1, ...framework('dkms_tree="/srv/$HOSTNAME/dkms"') },
      'degraded',
    ],
    ['no driver source', gentooKernel(A), 'degraded'],
    ['no dkms', { ...current(A, '2.9.0'), ...V1, '/usr/sbin/dkms': { link: '/nowhere' } }, 'degraded'],
  ])('%s', async (_, files, health) => {
    const judgement = await judgeHost(machine(files, { machine: { runningRelease: A } }));
    expect(judgement.health).toBe(health);
  });
});
