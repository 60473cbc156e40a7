// systemd and OpenRC: which of them is there, and what is asked of it.
import { describe, expect, it } from 'vitest';
import { findInit, installedInits, openInit } from '../../../src/init/detect.ts';
import type { Deed, Init } from '../../../src/init/services.ts';
import type { Files } from '../support/machines.ts';
import {
  type ExecScript,
  type MemoryHost,
  type MemoryHostOptions,
  memoryHost,
} from '../support/memory-host.ts';

const SYSTEMD: Files = { '/usr/lib/systemd/systemd': 'ELF' };
const OPENRC: Files = { '/sbin/openrc-run': 'ELF' };
const SYSTEMD_RUNS: Files = { ...SYSTEMD, '/run/systemd/system': { folder: true } };
const OPENRC_RUNS: Files = { ...OPENRC, '/run/openrc/softlevel': 'default' };
const UNITS: Files = Object.fromEntries(
  ['ttkmd.service', 'ttkmd-boot.service', 'ttkmd-hugepages.service', 'tenstorrent.target'].map((name) => [
    `/usr/lib/systemd/system/${name}`,
    '[Unit]\n',
  ]),
);
const SCRIPTS: Files = {
  '/etc/init.d/ttkmd': '#!',
  '/etc/init.d/ttkmd-boot': '#!',
  '/etc/init.d/ttkmd-hugepages': '#!',
};
const ALL_UNITS = 'ttkmd-hugepages.service ttkmd-boot.service tenstorrent.target ttkmd.service';
const WANTS = '/etc/systemd/system/multi-user.target.wants';

describe('the init is', () => {
  const inChroot = { machine: { chrooted: true } };
  it.each<[string, Files, MemoryHostOptions, string | undefined]>([
    ['systemd where it runs', { ...SYSTEMD_RUNS, ...OPENRC }, {}, 'systemd, live'],
    ['OpenRC where it runs', { ...SYSTEMD, ...OPENRC_RUNS }, {}, 'openrc, live'],
    ['systemd where it is all there is', SYSTEMD, {}, 'systemd'],
    ['OpenRC where it is all there is', OPENRC, {}, 'openrc'],
    ['OpenRC with its programs in /usr', { '/usr/sbin/openrc-run': 'ELF' }, {}, 'openrc'],
    [
      'what /sbin/init is, of two',
      {
        ...SYSTEMD,
        ...OPENRC,
        '/sbin/init': { link: '../lib/systemd/systemd' },
        '/lib/systemd/systemd': 'ELF',
      },
      {},
      'systemd',
    ],
    ['what /sbin/init is, the other way', { ...SYSTEMD, ...OPENRC, '/sbin/init': 'ELF' }, {}, 'openrc'],
    [
      'not what runs around a chroot',
      { ...OPENRC, '/run/systemd/system': { folder: true } },
      inChroot,
      'openrc',
    ],
    ['in another root what is installed there', SYSTEMD, { root: '/mnt', ...inChroot }, 'systemd'],
    ['not found where there is none', {}, {}, undefined],
    ['not found by a folder that udev left', { '/run/systemd/seats': { folder: true } }, {}, undefined],
  ])('%s', (_, files, options, expected) => {
    const found = findInit(memoryHost({ ...options, files }));
    expect(found && `${found.kind}${found.live ? ', live' : ''}`).toBe(expected);
  });

  it('both, for what is to be installed', () => {
    expect(installedInits(memoryHost({ files: { ...SYSTEMD, ...OPENRC } }).fs)).toEqual([
      'systemd',
      'openrc',
    ]);
  });
});

interface Case {
  readonly files: Files;
  readonly options?: MemoryHostOptions;
  readonly script?: ExecScript;
  readonly outer?: ExecScript;
}

function open({ files, options, script, outer }: Case): {
  init: Init;
  host: MemoryHost;
  outside: MemoryHost;
} {
  const host = memoryHost({ ...options, files, ...(script === undefined ? {} : { exec: script }) });
  const outside = memoryHost(outer === undefined ? {} : { exec: outer });
  const init = openInit(host, outside.exec);
  if (init === undefined) throw new Error('no init');
  return { init, host, outside };
}

const lines = (deeds: readonly Deed[]): string[] =>
  deeds.map(({ done, text }) => `${done ? '' : 'NOT '}${text}`);
const called = (host: MemoryHost): string[] => host.exec.calls.map(({ line }) => line);

describe('systemd', () => {
  const show = (boot: string, target: string, daemon: string): string =>
    `Id=ttkmd-hugepages.service\nActiveState=active\n\nId=ttkmd-boot.service\nActiveState=${boot}\n\nId=tenstorrent.target\nActiveState=${target}\n\nId=ttkmd.service\nActiveState=${daemon}\n`;

  it('tells one whose conditions do not hold here, as in a container, from one that nobody has started', async () => {
    const asked = (id: string, more: string): string => `Id=${id}\nActiveState=inactive\n${more}\n\n`;
    const { init } = open({
      files: { ...SYSTEMD_RUNS, ...UNITS },
      script: [
        {
          on: 'systemctl show --property=Id,ActiveState,ConditionResult,ConditionTimestampMonotonic',
          answer:
            asked('ttkmd-hugepages.service', 'ConditionResult=no\nConditionTimestampMonotonic=4711') +
            asked('ttkmd-boot.service', 'ConditionResult=no\nConditionTimestampMonotonic=0') +
            asked('ttkmd.service', 'ConditionResult=yes\nConditionTimestampMonotonic=4711'),
        },
      ],
    });
    const found = new Map((await init.states()).map(({ name, running }) => [name, running]));
    expect([...found]).toEqual([
      ['ttkmd-hugepages.service', 'skipped'],
      ['ttkmd-boot.service', 'stopped'],
      ['tenstorrent.target', undefined],
      ['ttkmd.service', 'stopped'],
    ]);
  });

  it('says what is enabled and what runs', async () => {
    const { init } = open({
      files: {
        ...SYSTEMD_RUNS,
        ...UNITS,
        [`${WANTS}/ttkmd.service`]: { link: '/usr/lib/systemd/system/ttkmd.service' },
        '/etc/systemd/system/tenstorrent.target': { link: '/dev/null' },
      },
      script: [{ on: 'systemctl show', answer: show('failed', 'inactive', 'active') }],
    });
    const short = (await init.states()).map((one) => [one.name, one.enabled, one.masked, one.running]);
    expect(short).toEqual([
      ['ttkmd-hugepages.service', false, false, 'running'],
      ['ttkmd-boot.service', false, false, 'failed'],
      ['tenstorrent.target', false, true, 'stopped'],
      ['ttkmd.service', true, false, 'running'],
    ]);
  });

  it('is asked to enable, disable, start and stop', async () => {
    const { init, host } = open({
      files: { ...SYSTEMD_RUNS, ...UNITS },
      script: [{ on: 'systemctl', answer: '' }],
    });
    expect(lines([...(await init.enable()), ...(await init.start())])).toEqual([
      `enabled ${ALL_UNITS.replaceAll(' ', ', ')}`,
      `started ${ALL_UNITS.replaceAll(' ', ', ')}`,
    ]);
    await init.stop();
    await init.disable();
    expect(await init.refresh()).toEqual([]);
    expect(called(host)).toEqual([
      `systemctl enable ${ALL_UNITS}`,
      `systemctl start ${ALL_UNITS}`,
      'systemctl stop ttkmd.service tenstorrent.target ttkmd-boot.service ttkmd-hugepages.service',
      `systemctl disable ${ALL_UNITS}`,
      'systemctl daemon-reload',
      'systemctl try-restart ttkmd.service',
    ]);
  });

  it('is told of units that are gone, and restarts none of them', async () => {
    const { init, host } = open({ files: SYSTEMD_RUNS, script: [{ on: 'systemctl', answer: '' }] });
    expect(await init.refresh()).toEqual([]);
    expect(called(host)).toEqual(['systemctl daemon-reload']);
  });

  it('passes on what it refuses', async () => {
    const answer = { code: 1, stderr: 'Failed to enable unit: Unit file is masked.\nmore\n' };
    const { init } = open({ files: { ...SYSTEMD_RUNS, ...UNITS }, script: [{ on: 'systemctl', answer }] });
    expect(lines(await init.enable())).toEqual([
      'NOT systemctl enable failed: Failed to enable unit: Unit file is masked.',
    ]);
  });

  const elsewhere = { root: '/mnt', machine: { chrooted: true } };

  it('is asked from outside for another root, where nothing runs', async () => {
    const { init, outside } = open({
      files: { ...SYSTEMD, ...UNITS },
      options: elsewhere,
      outer: [{ on: 'systemctl --root=/mnt', answer: '' }],
    });
    expect(init.live).toBe(false);
    expect((await init.enable()).every(({ done }) => done)).toBe(true);
    expect((await init.states()).map(({ running }) => running)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(await init.refresh()).toEqual([]);
    expect(called(outside)).toEqual([`systemctl --root=/mnt enable ${ALL_UNITS}`]);
  });

  it('needs no systemctl where nothing runs', async () => {
    const { init, host } = open({
      files: { ...SYSTEMD, ...UNITS, '/etc/systemd/system/tenstorrent.target': { link: '/dev/null' } },
      options: { machine: { chrooted: true } },
      script: [{ on: 'systemctl', answer: { code: 127 } }],
    });
    await init.enable();
    expect(host.fs.list(WANTS)).toEqual(['ttkmd-boot.service', 'ttkmd-hugepages.service', 'ttkmd.service']);
    expect(host.fs.readLink(`${WANTS}/ttkmd.service`)).toBe('/usr/lib/systemd/system/ttkmd.service');
    expect((await init.states()).map(({ enabled }) => enabled)).toEqual([true, true, false, true]);
    await init.disable();
    expect(host.fs.list(WANTS)).toEqual([]);
  });
});

describe('OpenRC', () => {
  const enabled: Files = {
    '/etc/runlevels/default/ttkmd': { link: '/etc/init.d/ttkmd' },
    '/etc/runlevels/boot/ttkmd-boot': { link: '/etc/init.d/ttkmd-boot' },
    '/etc/runlevels/boot/ttkmd-hugepages': { link: '/etc/init.d/ttkmd-hugepages' },
  };

  it.each<[number, Files, string]>([
    [0, {}, 'running'],
    [3, {}, 'stopped'],
    [
      3,
      {
        '/run/openrc/failed/ttkmd': '',
        '/run/openrc/failed/ttkmd-boot': '',
        '/run/openrc/failed/ttkmd-hugepages': '',
      },
      'failed',
    ],
    [8, {}, 'starting'],
    [32, {}, 'failed'],
    [64, {}, 'failed'],
  ])('has the states of its scripts: %i', async (code, files, expected) => {
    const { init } = open({
      files: { ...OPENRC_RUNS, ...SCRIPTS, ...enabled, ...files },
      script: [{ on: /^rc-service \S+ status$/, answer: { code } }],
    });
    expect((await init.states()).map((one) => [one.name, one.enabled, one.running])).toEqual([
      ['ttkmd-hugepages', true, expected],
      ['ttkmd-boot', true, expected],
      ['ttkmd', true, expected],
    ]);
  });

  it('is asked to enable, disable, start and stop', async () => {
    const { init, host } = open({
      files: { ...OPENRC_RUNS, ...SCRIPTS },
      script: [{ on: /^rc-/, answer: '' }],
    });
    expect(lines([...(await init.enable()), ...(await init.start())])).toEqual([
      'added ttkmd-hugepages to the runlevel boot',
      'added ttkmd-boot to the runlevel default',
      'added ttkmd to the runlevel default',
      'started ttkmd-hugepages',
      'started ttkmd-boot',
      'started ttkmd',
    ]);
    await init.stop();
    host.put(enabled);
    expect(await init.enable()).toEqual([]);
    expect(lines(await init.disable())).toEqual([
      'took ttkmd-hugepages out of the runlevel boot',
      'took ttkmd-boot out of the runlevel boot',
      'took ttkmd out of the runlevel default',
    ]);
    expect(await init.refresh()).toEqual([]);
    expect(called(host)).toEqual([
      'rc-update add ttkmd-hugepages boot',
      'rc-update add ttkmd-boot default',
      'rc-update add ttkmd default',
      'rc-service ttkmd-hugepages start',
      'rc-service ttkmd-boot start',
      'rc-service ttkmd start',
      'rc-service --ifstarted ttkmd stop',
      'rc-service --ifstarted ttkmd-boot stop',
      'rc-service --ifstarted ttkmd-hugepages stop',
      'rc-update del ttkmd-hugepages boot',
      'rc-update del ttkmd-boot boot',
      'rc-update del ttkmd default',
      'rc-service --ifstarted ttkmd restart',
    ]);
  });

  it('needs no rc-update where nothing runs', async () => {
    const { init, host } = open({
      files: { ...OPENRC, ...SCRIPTS },
      options: { machine: { chrooted: true } },
      script: [{ on: 'rc-update', answer: { code: 127 } }],
    });
    await init.enable();
    expect(host.fs.readLink('/etc/runlevels/default/ttkmd')).toBe('/etc/init.d/ttkmd');
    expect(host.fs.list('/etc/runlevels/boot')).toEqual(['ttkmd-hugepages']);
    expect((await init.states()).map((one) => [one.enabled, one.running])).toEqual([
      [true, undefined],
      [true, undefined],
      [true, undefined],
    ]);
    await init.disable();
    expect(host.fs.list('/etc/runlevels/default')).toEqual([]);
  });

  it('passes on what a script says', async () => {
    const answer = {
      code: 1,
      stdout: ' * Loading\n',
      stderr: ' * not loaded\n * ERROR: ttkmd-boot failed to start\n',
    };
    const { init } = open({ files: { ...OPENRC_RUNS, ...SCRIPTS }, script: [{ on: 'rc-service', answer }] });
    expect(lines(await init.start())[0]).toBe(
      'NOT rc-service ttkmd-hugepages start failed: ERROR: ttkmd-boot failed to start',
    );
  });
});
