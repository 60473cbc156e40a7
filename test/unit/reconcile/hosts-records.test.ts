import { current, driverSource, gentooKernel, module } from '../support/machines.ts';

import {
  A,
  B,
  BUILD_A,
  builtAlike,
  cutIn,
  expectPlans,
  framework,
  type Host,
  installedThroughDkms,
  LINK_A,
  moved,
  V1,
} from './host-rows.ts';

const HOSTS: readonly Host[] = [
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
];

expectPlans(HOSTS);
