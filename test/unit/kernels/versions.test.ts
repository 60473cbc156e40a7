// The order of releases and versions.
import { describe, expect, it } from 'vitest';
import { compareReleases } from '../../../src/kernels/versions.ts';

/** Each line from the oldest to the newest. */
const ORDERS: readonly (readonly [string, readonly string[]])[] = [
  ['numbers', ['2.8.0', '2.9.0', '2.9.1', '2.10', '2.10.0', '2.10.1', '10.0', '9999']],
  ["semver's pre-releases", ['2.9.0-alpha', '2.9.0-beta1', '2.9.0-pre', '2.9.0-rc1', '2.9.0-rc2', '2.9.0']],
  ["semver's dots", ['2.9.0-alpha.1', '2.9.0-alpha.2', '2.9.0-beta', '2.9.0-beta.2', '2.9.0-rc.1', '2.9.0']],
  [
    "Portage's suffixes",
    [
      '2.9.0_alpha',
      '2.9.0_alpha2',
      '2.9.0_beta',
      '2.9.0_pre20260101',
      '2.9.0_rc1',
      '2.9.0_rc1-r1',
      '2.9.0_rc2',
      '2.9.0',
      '2.9.0-r1',
      '2.9.0-r2',
      '2.9.0_p1',
      '2.9.0_p1-r1',
      '2.9.1_alpha',
    ],
  ],
  [
    'one suffix in several spellings',
    ['2.9.0-beta1', '2.9.0_beta2', '2.9.0.beta3', '2.9.0~beta4', '2.9.0-RC1'],
  ],
  ["dpkg's tilde", ['2.9.0~git1', '2.9.0']],
  ['words that only begin like a suffix', ['6.12.1', '6.12.1-preempt', '6.12.1-rt', '6.12.2-alpine']],
  [
    'kernel releases',
    [
      '6.12.58-gentoo-dist',
      '6.12.60-rc1-gentoo',
      '6.12.60-gentoo',
      '6.12.60-gentoo-r1',
      '6.18-rc3',
      '6.18.0-rc3-gentoo',
      '6.18.0-gentoo',
      '6.18.1-gentoo',
    ],
  ],
];

describe('the order of versions', () => {
  it.each(ORDERS)('%s', (_, order) => {
    for (const [index, one] of order.entries()) {
      expect(compareReleases(one, one)).toBe(0);
      for (const newer of order.slice(index + 1)) {
        expect(Math.sign(compareReleases(one, newer)), `${one} before ${newer}`).toBe(-1);
        expect(Math.sign(compareReleases(newer, one)), `${newer} after ${one}`).toBe(1);
      }
    }
  });
});
