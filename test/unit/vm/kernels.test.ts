// Which kernels the vm tests' guests get, whatever the archive has that day.
import { expect, it } from 'vitest';
import { chooseKernels } from '../../vm/support/kernels.ts';

const withHeaders = (...releases: string[]): string[] =>
  releases.flatMap((release) => [`linux-image-${release}`, `linux-headers-${release}`]);

it.each([
  {
    why: 'the newest of the oldest series, and the newest of all; numbers count as numbers',
    packages: withHeaders(
      '6.1.0-9-cloud-amd64',
      '6.1.0-56-cloud-amd64',
      '6.12.99+deb12-cloud-amd64',
      '6.12.117+deb12-cloud-amd64',
    ),
    found: { first: '6.1.0-56-cloud-amd64', second: '6.12.117+deb12-cloud-amd64' },
  },
  {
    why: 'two of one series where there is no other',
    packages: withHeaders('6.12.100+deb13-cloud-amd64', '6.12.117+deb13-cloud-amd64'),
    found: { first: '6.12.100+deb13-cloud-amd64', second: '6.12.117+deb13-cloud-amd64' },
  },
  {
    why: 'a package that only points at the newest, other builds, and an image without headers do not count',
    packages: [
      ...withHeaders('6.12-cloud-amd64', '6.1.0-56-cloud-amd64', '6.1.0-56-amd64'),
      'linux-image-6.12.117+deb12-cloud-amd64',
      'linux-image-6.1.0-57-cloud-amd64-unsigned',
    ],
    found: undefined,
  },
  { why: 'nothing', packages: [], found: undefined },
])('$why', ({ packages, found }) => {
  expect(chooseKernels(packages)).toEqual(found);
});
