import { RULE_PATH, ruleHash } from '../../../src/driver/rule.ts';
import {
  buildTree,
  current,
  dkmsRecord,
  driverSource,
  gentooKernel,
  LONG_AGO,
  module,
  modulesFolder,
} from '../support/machines.ts';

import { A, B, BUILD_A, BUILD_B, expectPlans, type Host, RULE, state, V1 } from './host-rows.ts';

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

expectPlans(HOSTS);
