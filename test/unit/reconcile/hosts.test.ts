// Hosts as they come, from what is on their disks to what is to be done: observe, judge and plan in one table.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { shadowIdentity } from '../../../src/driver/installed.ts';
import { RULE_PATH, ruleHash } from '../../../src/driver/rule.ts';
import { observeSources } from '../../../src/driver/sources.ts';
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

/** A modules.dep of which the last 64 KiB, which are read first, begin so many characters into a line. */
function cutIn(line: string, characters: number): string {
  const rest = 64 * 1024 - (line.length + 1 - characters);
  return `kernel/a/a.ko:\n${line}\n${'z'.repeat(rest - 1)}\n`;
}

function withoutImage(files: Files): Files {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('/boot/')));
}

function framework(text: string): Files {
  return { '/etc/dkms/framework.conf': `dkms_tree="/srv/not this one"\n${text}\n` };
}

/** With dkms's records elsewhere. */
function moved(files: Files, tree: string): Files {
  const place = (path: string): string => path.replace(/^\/var\/lib\/dkms(?=\/)/, tree);
  return Object.fromEntries(Object.entries(files).map(([path, spec]) => [place(path), spec]));
}

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

const LINK_A = `/var/lib/dkms/tenstorrent/kernel-${A}-x86_64`;

/** What dkms has built is what is installed. */
function builtAlike(files: Files): Files {
  const installed = files[`/lib/modules/${A}/kernel/extra/tenstorrent.ko`] ?? '';
  const built = Object.keys(files).filter((path) => /^\/var\/lib\/dkms\/.*\.ko$/.test(path));
  return { ...files, ...Object.fromEntries(built.map((path) => [path, installed])) };
}

/** The record of our own installation of the module that `module` makes. */
function installedThroughDkms(release: string): Files {
  const installed = String(module(release, '2.9.0')[`/lib/modules/${release}/kernel/extra/tenstorrent.ko`]);
  const file = createHash('sha256').update(installed).digest('hex');
  const { version, at, trigger } = FAILURE;
  const sourceHash = sourceHashOf(V1);
  return state({ modules: { [release]: { version, sourceHash, at, trigger, seconds: 1, file } } });
}

function sourceHashOf(files: Files): string {
  return observeSources(machine(files).fs, {})[0]?.hash ?? '';
}

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
    states: ['drifted'],
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
    name: "dkms's records at another place",
    files: { ...moved(current(A, '2.9.0'), '/srv/my tree'), ...V1, ...framework('dkms_tree="/srv/my tree"') },
    states: ['current'],
    plan: [],
  },
  {
    name: "dkms's records at a place that only bash can tell: the usual one counts",
    files: { ...current(A, '2.9.0'), ...V1, ...framework('dkms_tree="/srv/$HOSTNAME/dkms"') },
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
    name: "what kbuild left in the driver's own source is not ours to remove",
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      '/usr/src/tenstorrent-2.9.0/.tmp_versions/module.mod': 'x',
      '/usr/src/tenstorrent-2.9.0/.ttkmd-x/y': 'x',
    },
    states: ['current'],
    plan: [],
  },
  {
    name: 'what dkms left of a build that was killed',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [`/var/lib/dkms/tenstorrent/2.9.0/${A}/.tmp_x86_64_abc/module/tenstorrent.ko`]: 'half',
    },
    states: ['current'],
    plan: ['clean temporary-folder'],
  },
  {
    name: 'an empty staging folder, of a run that was killed while it made or removed it',
    files: { ...current(A, '2.9.0'), ...V1, '/var/lib/ttkmd/staging': { folder: true } },
    states: ['current'],
    plan: ['clean own'],
  },
  {
    name: 'a kernel from before 5.16 whose vermagic tells of its preemption',
    files: {
      ...current(A, '2.9.0'),
      ...gentooKernel(A, { options: 'CONFIG_PREEMPT=y\nCONFIG_PREEMPTION=y\n' }),
      ...module(A, '2.9.0', `${A} SMP preempt mod_unload `),
      ...V1,
    },
    states: ['current'],
    plan: [],
  },
  {
    name: "a modules.dep whose last part begins in the middle of our module's line",
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [`/lib/modules/${A}/modules.dep`]: cutIn('kernel/extra/tenstorrent.ko:', 'kernel/e'.length),
    },
    states: ['current'],
    plan: [],
  },
  {
    name: "a modules.dep whose last part begins right at our module's line",
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [`/lib/modules/${A}/modules.dep`]: cutIn('kernel/extra/tenstorrent.ko:', 0),
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
    name: 'a module that dkms has built and does not take for installed: its link is missing',
    files: { ...builtAlike(current(A, '2.9.0')), ...V1, [LINK_A]: 'no link' },
    states: ['current'],
    plan: [`record ${A} 2.9.0`],
  },
  {
    name: 'a module that dkms has built and does not take for installed: its link dangles',
    files: { ...builtAlike(current(A, '2.9.0')), ...V1, [LINK_A]: { link: `2.8.0/${A}/x86_64` } },
    states: ['current'],
    plan: ['clean dangling-link', `record ${A} 2.9.0`],
  },
  {
    name: "a module without its link while somebody else's dkms is at work",
    files: {
      ...builtAlike(current(A, '2.9.0')),
      ...V1,
      [LINK_A]: { link: `2.8.0/${A}/x86_64` },
      '/proc/77/comm': 'dkms\n',
      '/proc/77/cmdline': 'dkms\0install\0',
      '/proc/77/status': 'Uid:\t0\t0\t0\t0\n',
    },
    states: ['current'],
    plan: [],
  },
  {
    name: 'a module that dkms has built otherwise: it is what modprobe loads that counts',
    files: { ...current(A, '2.9.0'), ...V1, [LINK_A]: { link: `2.8.0/${A}/x86_64` } },
    states: ['current'],
    plan: ['clean dangling-link'],
  },
  {
    name: "a module that was installed through dkms, and dkms's records are gone",
    files: { ...gentooKernel(A), ...module(A, '2.9.0'), ...V1, ...installedThroughDkms(A) },
    states: ['current'],
    plan: ['register 2.9.0', `record ${A} 2.9.0`],
  },
  {
    name: 'a module that was put in the place of one that was installed through dkms',
    files: {
      ...gentooKernel(A),
      ...module(A, '2.9.0'),
      ...V1,
      ...installedThroughDkms(A),
      [`/lib/modules/${A}/kernel/extra/tenstorrent.ko`]: `version=2.9.0\0vermagic=${A} SMP mod_unload \0`,
    },
    states: ['current'],
    plan: ['register 2.9.0'],
  },
  {
    name: 'a module that is to be built anew anyway needs no record',
    files: {
      ...builtAlike(current(A, '2.8.0')),
      ...V1,
      ...driverSource('2.8.0'),
      [LINK_A]: { link: `2.7.0/${A}/x86_64` },
    },
    states: ['drifted'],
    plan: ['clean dangling-link', 'register 2.9.0', ...BUILD_A, 'unregister 2.8.0'],
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
    name: 'a removed kernel whose source tree is still there',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...buildTree(`/usr/src/linux-${B}`, B),
      ...dkmsRecord('2.9.0', [A, B]),
    },
    states: ['waiting', 'current'],
    plan: [`forget ${B}`, `wait ${B}`],
  },
  {
    name: 'a removed kernel of which only our memory and its source tree are left',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...buildTree(`/usr/src/linux-${B}`, B),
      ...state({
        modules: { [B]: { version: '2.9.0', sourceHash: 'x', at: LONG_AGO, trigger: 'cli', seconds: 1 } },
      }),
    },
    states: ['waiting', 'current'],
    plan: [`forget ${B}`, `wait ${B}`],
  },
  {
    name: 'its modules are gone, its source tree and its image are there: it is not gone',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...buildTree(`/usr/src/linux-${B}`, B),
      ...dkmsRecord('2.9.0', [A, B]),
      [`/boot/vmlinuz-${B}`]: 'image',
    },
    states: ['waiting', 'current'],
    plan: [`wait ${B}`],
  },
  {
    name: 'the running kernel is not gone, though its source tree is all that is left',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      ...buildTree(`/usr/src/linux-${B}`, B),
      ...dkmsRecord('2.9.0', [A, B]),
    },
    running: B,
    states: ['waiting', 'current'],
    plan: [`wait ${B}`],
  },
  {
    name: 'a removed kernel of which our module is left at a place of its own',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [`/lib/modules/${B}/misc/tenstorrent.ko`]: `vermagic=${B} SMP mod_unload \0`,
      [`/lib/modules/${B}/modules.dep`]: 'misc/tenstorrent.ko:\n',
    },
    states: ['unsupported', 'current'],
    plan: [`forget ${B}`],
  },
  {
    name: 'a module that an index names outside of the folder of a removed kernel is not ours to remove',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      '/opt/modules/tenstorrent.ko': `vermagic=${B} SMP mod_unload \0`,
      [`/lib/modules/${B}/modules.dep`]: '/opt/modules/tenstorrent.ko:\n',
    },
    states: ['unsupported', 'current'],
    plan: [],
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
