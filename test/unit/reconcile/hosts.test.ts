// Hosts as they come, from what is on their disks to what is to be done: observe, judge and plan in one table.
import { describe, expect, it } from 'vitest';
import { RULE_PATH, ruleHash } from '../../../src/driver/rule.ts';
import {
  buildTree,
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  LONG_AGO,
  machine,
  module,
  modulesFolder,
  NOW,
  planHost,
} from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const V1 = driverSource('2.9.0');
const state = (data: object): Files => ({
  '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, ...data }),
});
const FAILURE = {
  version: '2.9.0',
  at: LONG_AGO,
  trigger: 'kernel-event',
  code: 'missing-symbol',
  headline: 'a symbol is missing',
  hint: 'set the option',
  unsupported: false,
};

const RULE: Files = { '/usr/src/tenstorrent-2.9.0/udev-50-tenstorrent.rules': 'rule' };

interface Host {
  readonly name: string;
  readonly files: Files;
  readonly running?: string;
  /** Each kernel's module state, the newest release first. */
  readonly states: readonly string[];
  readonly plan: readonly string[];
}

const BUILD_A = [`build ${A} 2.9.0`, `install ${A} 2.9.0`];
const BUILD_B = [`build ${B} 2.9.0`, `install ${B} 2.9.0`];

const HOSTS: readonly Host[] = [
  { name: 'nothing at all', files: {}, states: [], plan: [] },
  { name: 'a kernel and no driver source', files: gentooKernel(A), states: ['missing'], plan: [] },
  {
    name: 'a fresh machine',
    files: { ...gentooKernel(A), ...V1 },
    states: ['missing'],
    plan: ['register 2.9.0', ...BUILD_A],
  },
  {
    name: 'a fresh machine whose source would give the module to dkms',
    files: { ...gentooKernel(A), ...driverSource('2.9.0', { autoinstall: true }) },
    states: ['missing'],
    plan: ['takeOver 2.9.0', 'register 2.9.0', ...BUILD_A],
  },
  {
    name: 'a machine that is right',
    files: { ...current(A, '2.9.0'), ...V1 },
    states: ['current'],
    plan: [],
  },
  {
    name: 'a new kernel beside one that is right',
    files: { ...current(A, '2.9.0'), ...gentooKernel(B), ...V1 },
    states: ['missing', 'current'],
    plan: BUILD_B,
  },
  {
    name: 'two new kernels: the running one first',
    files: { ...gentooKernel(A), ...gentooKernel(B), ...V1, ...dkmsRecord('2.9.0') },
    running: A,
    states: ['missing', 'missing'],
    plan: [...BUILD_A, ...BUILD_B],
  },
  {
    name: 'a kernel in the middle of its emerge: modules there, headers not yet',
    files: { ...current(A, '2.9.0'), ...modulesFolder(B), ...V1 },
    states: ['waiting', 'current'],
    plan: [`wait ${B}`],
  },
  {
    name: 'a kernel in the middle of its emerge: headers there, not all of them',
    files: { ...current(A, '2.9.0'), ...gentooKernel(B, { without: ['scripts/mod/modpost'] }), ...V1 },
    states: ['waiting', 'current'],
    plan: [`wait ${B}`],
  },
  {
    name: 'a depcleaned kernel with /usr merged keeps its module',
    files: { ...modulesFolder(A), ...module(A, '2.9.0'), ...dkmsRecord('2.9.0', [A]), ...V1 },
    states: ['current'],
    plan: [],
  },
  {
    name: 'a depcleaned kernel with /usr split keeps its module',
    files: {
      ...modulesFolder(A),
      ...module(A, '2.9.0'),
      ...dkmsRecord('2.9.0', [A]),
      ...V1,
      [`/lib/modules/${A}/build`]: { link: `/usr/src/linux-${A}` },
    },
    states: ['current'],
    plan: [],
  },
  {
    name: 'a depcleaned kernel keeps an older driver too',
    files: {
      ...modulesFolder(A),
      ...module(A, '2.8.0'),
      ...current(B, '2.9.0'),
      ...V1,
      ...dkmsRecord('2.8.0', [A]),
    },
    states: ['current', 'drifted'],
    plan: [`wait ${A}`],
  },
  {
    name: 'sources that nobody has built',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      '/usr/src/linux-6.18.2-gentoo/Makefile': 'VERSION = 6\nPATCHLEVEL = 18\n',
    },
    states: ['waiting', 'current'],
    plan: ['wait 6.18'],
  },
  {
    name: 'a kernel without loadable modules',
    files: {
      ...modulesFolder(A),
      ...buildTree('/usr/src/t', A),
      '/usr/src/t/include/config/auto.conf': 'CONFIG_PCI=y\n',
      [`/lib/modules/${A}/build`]: { link: '/usr/src/t' },
      ...V1,
    },
    states: ['unsupported'],
    plan: [],
  },
  {
    name: 'a kernel without PCI',
    files: {
      ...modulesFolder(A),
      ...buildTree('/usr/src/t', A),
      '/usr/src/t/include/config/auto.conf': 'CONFIG_MODULES=y\n',
      [`/lib/modules/${A}/build`]: { link: '/usr/src/t' },
      ...V1,
    },
    states: ['unsupported'],
    plan: [],
  },
  {
    name: 'a kernel built by clang',
    files: { ...gentooKernel(A, { options: 'CONFIG_CC_IS_CLANG=y\n' }), ...V1, ...dkmsRecord('2.9.0') },
    states: ['missing'],
    plan: BUILD_A,
  },
  {
    name: 'an excluded kernel',
    files: {
      ...gentooKernel(A),
      ...gentooKernel(B),
      ...V1,
      ...dkmsRecord('2.9.0'),
      '/etc/ttkmd/ttkmd.conf': '[kernels]\nexclude = 6.12.58-*\n',
    },
    states: ['missing', 'unsupported'],
    plan: BUILD_B,
  },
  {
    name: 'a newer driver: every kernel moves, then the old version goes',
    files: { ...current(A, '2.8.0'), ...driverSource('2.8.0'), ...V1 },
    states: ['drifted'],
    plan: ['register 2.9.0', ...BUILD_A, 'unregister 2.8.0'],
  },
  {
    name: 'versions are compared as numbers',
    files: { ...gentooKernel(A), ...V1, ...driverSource('2.10.0'), ...driverSource('2.10.0-rc1') },
    states: ['missing'],
    plan: ['register 2.10.0', `build ${A} 2.10.0`, `install ${A} 2.10.0`],
  },
  {
    name: 'a pinned older driver',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...driverSource('2.8.0'),
      '/etc/ttkmd/ttkmd.conf': '[driver]\nversion = 2.8.0\n',
    },
    states: ['drifted'],
    plan: ['register 2.8.0', `build ${A} 2.8.0`, `install ${A} 2.8.0`, 'unregister 2.9.0'],
  },
  {
    name: 'a pinned driver that is not there',
    files: { ...current(A, '2.9.0'), ...V1, '/etc/ttkmd/ttkmd.conf': '[driver]\nversion = 3.0.0\n' },
    states: ['current'],
    plan: [],
  },
  {
    name: "somebody else's registration with AUTOINSTALL is taken over",
    files: { ...current(A, '2.9.0'), ...driverSource('2.9.0', { autoinstall: true }) },
    states: ['current'],
    plan: ['takeOver 2.9.0 foreign'],
  },
  {
    name: 'a source that everybody can write to',
    files: { ...gentooKernel(A), ...driverSource('2.9.0', { mode: 0o666 }) },
    states: ['missing'],
    plan: [],
  },
  {
    name: "a source that is somebody else's",
    files: { ...gentooKernel(A), ...driverSource('2.9.0', { user: 1000 }) },
    states: ['missing'],
    plan: [],
  },
  {
    name: 'a source for another package',
    files: {
      ...gentooKernel(A),
      ...driverSource('2.9.0', { conf: 'PACKAGE_NAME="other"\nPACKAGE_VERSION="2.9.0"\n' }),
    },
    states: ['missing'],
    plan: [],
  },
  {
    name: 'no dkms',
    files: { ...gentooKernel(A), ...V1, '/usr/sbin/dkms': { link: '/nowhere' } },
    states: ['missing'],
    plan: [],
  },
  {
    name: 'a module for another kernel at the place of ours',
    files: { ...current(A, '2.9.0'), ...module(A, '2.9.0', '6.1.0-other SMP mod_unload '), ...V1 },
    states: ['drifted'],
    plan: BUILD_A,
  },
  {
    name: 'a module without symbol versions on a kernel that checks them',
    files: { ...current(A, '2.9.0'), ...gentooKernel(A, { options: 'CONFIG_MODVERSIONS=y\n' }), ...V1 },
    states: ['drifted'],
    plan: BUILD_A,
  },
  {
    name: 'a truncated module',
    files: {
      ...current(A, '2.9.0'),
      ...module(A, '2.9.0'),
      [`/lib/modules/${A}/kernel/extra/tenstorrent.ko`]: '',
      ...V1,
    },
    states: ['drifted'],
    plan: BUILD_A,
  },
  {
    name: 'a source that changed under the same version',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...state({
        modules: {
          [A]: { version: '2.9.0', sourceHash: 'another', at: LONG_AGO, trigger: 'cli', seconds: 1 },
        },
      }),
    },
    states: ['drifted'],
    plan: BUILD_A,
  },
  {
    name: 'an installation that was interrupted',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...state({ intent: { release: A, version: '2.9.0', step: 'install' } }),
    },
    states: ['drifted'],
    plan: BUILD_A,
  },
  {
    name: 'a half-written state file',
    files: { ...current(A, '2.9.0'), ...V1, '/var/lib/ttkmd/state.json': '{"schema":1,"modu' },
    states: ['current'],
    plan: [],
  },
  {
    name: 'a stale build folder',
    files: { ...current(A, '2.9.0'), ...V1, '/var/lib/dkms/tenstorrent/2.9.0/build/module.c': 'x' },
    states: ['current'],
    plan: ['clean build-folder'],
  },
  {
    name: "a stale build folder while somebody else's dkms is at work",
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      '/var/lib/dkms/tenstorrent/2.9.0/build/module.c': 'x',
      '/proc/77/comm': 'dkms\n',
      '/proc/77/cmdline': 'dkms\0build\0',
      '/proc/77/status': 'Uid:\t0\t0\t0\t0\n',
    },
    states: ['current'],
    plan: [],
  },
  {
    name: 'a dangling link of a kernel that is there',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [`/var/lib/dkms/tenstorrent/kernel-${B}-x86_64`]: { link: `2.9.0/${B}/x86_64` },
      ...gentooKernel(B),
      ...module(B, '2.9.0'),
    },
    states: ['current', 'current'],
    plan: ['clean dangling-link'],
  },
  {
    name: 'a half-added version',
    files: { ...current(A, '2.9.0'), ...V1, '/var/lib/dkms/tenstorrent/3.0.0/build': { folder: true } },
    states: ['current'],
    plan: ['clean half-added', 'unregister 3.0.0'],
  },
  {
    name: 'a removed kernel: both its modules and its image are gone',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [`/lib/modules/${B}/updates/dkms/tenstorrent.ko`]: 'x',
      ...dkmsRecord('2.9.0', [A, B]),
    },
    states: ['unsupported', 'current'],
    plan: [`forget ${B}`],
  },
  {
    name: 'a removed kernel of which only the record is left',
    files: { ...current(A, '2.9.0'), ...V1, ...dkmsRecord('2.9.0', [A, B]) },
    states: ['unsupported', 'current'],
    plan: [`forget ${B}`],
  },
  {
    name: 'modules gone, image still there: it is not gone',
    files: { ...current(A, '2.9.0'), ...V1, ...dkmsRecord('2.9.0', [A, B]), [`/boot/vmlinuz-${B}`]: 'image' },
    states: ['unsupported', 'current'],
    plan: [],
  },
  {
    name: 'an empty /lib/modules is a missing mount, and nothing is forgotten',
    files: { ...V1, ...dkmsRecord('2.9.0', [A, B]) },
    states: ['unsupported', 'unsupported'],
    plan: [],
  },
  {
    name: 'a leftover folder that holds nothing of ours is not ours to touch',
    files: { ...current(A, '2.9.0'), ...V1, [`/lib/modules/${B}/extra/other.ko`]: 'x' },
    states: ['unsupported', 'current'],
    plan: [],
  },
  {
    name: 'a kernel that was put aside',
    files: { ...current(A, '2.9.0'), ...V1, [`/lib/modules/${A}.old/kernel/fs/ext4.ko`]: 'x' },
    states: ['unsupported', 'current'],
    plan: [],
  },
  {
    name: 'headers without their kernel are built for: the kernel may be on its way',
    files: {
      ...buildTree('/usr/src/h', B),
      [`/lib/modules/${B}/build`]: { link: '/usr/src/h' },
      ...V1,
      ...dkmsRecord('2.9.0'),
    },
    states: ['missing'],
    plan: BUILD_B,
  },
  {
    name: 'a source with a udev rule',
    files: { ...current(A, '2.9.0'), ...V1, ...RULE },
    states: ['current'],
    plan: ['placeRule 2.9.0'],
  },
  {
    name: 'a udev rule that is in place, whoever put it there',
    files: { ...current(A, '2.9.0'), ...V1, ...RULE, [RULE_PATH]: 'rule' },
    states: ['current'],
    plan: [],
  },
  {
    name: 'another udev rule that was not put there by us',
    files: { ...current(A, '2.9.0'), ...V1, ...RULE, [RULE_PATH]: 'old rule' },
    states: ['current'],
    plan: [],
  },
  {
    name: 'an older udev rule of ours',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...RULE,
      [RULE_PATH]: 'old rule',
      ...state({ rule: ruleHash('old rule') }),
    },
    states: ['current'],
    plan: ['placeRule 2.9.0'],
  },
  {
    name: 'a bad setting counts as its default',
    files: {
      ...gentooKernel(A),
      ...V1,
      ...dkmsRecord('2.9.0'),
      '/etc/ttkmd/ttkmd.conf': '[driver]\nversion =\nkeep_old = many\n',
    },
    states: ['missing'],
    plan: BUILD_A,
  },
];

describe('observe, judge and plan', () => {
  it.each(HOSTS)('$name', async ({ files, running, states, plan }) => {
    const host = machine(files, { machine: { runningRelease: running } });
    const before = host.snapshot();
    const judgement = await judgeHost(host);
    expect(judgement.kernels.map((kernel) => kernel.state)).toEqual(states);
    expect(inShort(await planHost(host))).toEqual(plan);
    expect(host.snapshot(), 'looking changes nothing').toEqual(before);
  });

  it.each(HOSTS)('has a next step for every problem: $name', async ({ files, running }) => {
    const judgement = await judgeHost(machine(files, { machine: { runningRelease: running } }));
    for (const problem of judgement.problems) {
      expect(problem.message).toBeTruthy();
      expect(problem.hint).toBeTruthy();
    }
  });
});

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
      'the driver is there and not loaded although a device is',
      { ...current(A, '2.9.0'), ...V1, ...device },
      'failed',
    ],
    [
      'another version is loaded',
      { ...current(A, '2.9.0'), ...V1, ...device, ...loaded('2.8.0') },
      'degraded',
    ],
    ['no driver source', gentooKernel(A), 'degraded'],
    ['no dkms', { ...current(A, '2.9.0'), ...V1, '/usr/sbin/dkms': { link: '/nowhere' } }, 'degraded'],
  ])('%s', async (_, files, health) => {
    const judgement = await judgeHost(machine(files, { machine: { runningRelease: A } }));
    expect(judgement.health).toBe(health);
  });
});
