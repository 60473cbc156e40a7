import { buildTree, current, dkmsRecord, LONG_AGO } from '../support/machines.ts';

import { A, B, BUILD_B, expectPlans, type Host, state, V1 } from './host-rows.ts';

const HOSTS: readonly Host[] = [
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
];

expectPlans(HOSTS);
