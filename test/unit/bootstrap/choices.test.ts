// Which steps follow from what was asked for and from what the machine is.
import { describe, expect, it } from 'vitest';
import { type Choices, parseSteps, selectSteps } from '../../../src/bootstrap/choices.ts';
import type { Facts } from '../../../src/bootstrap/facts.ts';
import { NO_CHOICES } from './bench.ts';

const FACTS: Facts = {
  root: true,
  chrooted: false,
  os: { id: 'gentoo', like: [], name: 'Gentoo' },
  manager: 'portage',
  init: { kind: 'openrc', live: true },
  arch: 'x86_64',
  libc: 'glibc',
  free: {},
  readOnly: [],
  kernels: [],
  kernelsWithout: [],
  secureBoot: false,
  signaturesEnforced: false,
  iommu: false,
  devices: [],
  containers: undefined,
};

const USUAL = [
  'program',
  'packages',
  'source',
  'hugepages',
  'driver',
  'hooks',
  'service',
  'tt-smi',
  'tt-flash',
];
const LACKING = { release: '6.12.1-gentoo-dist', options: ['HWMON'], set: ['HWMON'], dist: true };

describe('the steps', () => {
  it.each<[string, Partial<Choices>, Partial<Facts>, string[]]>([
    ['are the usual ones', {}, {}, USUAL],
    [
      'leave services out where there is no init',
      {},
      { init: undefined },
      USUAL.filter((one) => one !== 'service'),
    ],
    ['leave hugepages out in a chroot', {}, { chrooted: true }, USUAL.filter((one) => one !== 'hugepages')],
    [
      'have the kernel options where a dist-kernel lacks one',
      {},
      { kernelsWithout: [LACKING] },
      ['program', 'packages', 'kernel-options', ...USUAL.slice(2)],
    ],
    [
      '… not for kernels that Portage does not build',
      {},
      { kernelsWithout: [{ ...LACKING, dist: false }] },
      USUAL,
    ],
    [
      'are fewer by --without',
      { without: ['tt-flash', 'service'] },
      {},
      USUAL.filter((one) => one !== 'tt-flash' && one !== 'service'),
    ],
    [
      'are more by --with, in their order',
      { with: ['sfpi', 'tt-topology'] },
      {},
      [...USUAL, 'tt-topology', 'sfpi'],
    ],
    ['bring podman for tt-metalium', { with: ['tt-metalium'] }, {}, [...USUAL, 'podman', 'tt-metalium']],
    [
      '… not where docker is there',
      { with: ['tt-metalium'] },
      { containers: 'docker' },
      [...USUAL, 'tt-metalium'],
    ],
    [
      'bring podman for tt-inference-server',
      { with: ['tt-inference-server'] },
      {},
      [...USUAL, 'podman', 'tt-inference-server'],
    ],
    ['are those of --only alone', { only: ['driver', 'source'] }, {}, ['source', 'driver']],
    ['have the firmware where it is asked for', { updateFirmware: true }, {}, [...USUAL, 'firmware']],
    [
      'let the driver go without packages that are there',
      { without: ['packages'] },
      {},
      USUAL.filter((one) => one !== 'packages'),
    ],
  ])('%s', (_, choices, facts, expected) => {
    expect(selectSteps({ ...NO_CHOICES, ...choices }, { ...FACTS, ...facts })).toEqual(expected);
  });

  it.each<[string, Partial<Choices>, string]>([
    [
      'one that is asked for and left out',
      { with: ['sfpi'], without: ['sfpi'] },
      'sfpi is both asked for and left out',
    ],
    [
      'podman left out under tt-metalium',
      { with: ['tt-metalium'], without: ['podman'] },
      'tt-metalium needs podman',
    ],
    ['firmware without its own option', { with: ['firmware'] }, '--update-firmware'],
    ['firmware without tt-flash', { updateFirmware: true, without: ['tt-flash'] }, 'firmware needs tt-flash'],
  ])('refuse %s', (_, choices, message) => {
    expect(() => selectSteps({ ...NO_CHOICES, ...choices }, FACTS)).toThrow(message);
  });

  it('are read from a list, and unknown ones are named', () => {
    expect(parseSteps('tt-smi, podman,')).toEqual(['tt-smi', 'podman']);
    expect(() => parseSteps('tt-smi,hugepage')).toThrow('there is no step called hugepage');
  });
});
