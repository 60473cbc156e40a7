// Which hook is the later one of an installation, and which is the first one of the next.
import { describe, expect, it } from 'vitest';
import { dealtWithBefore, forgetTold, rememberTold } from '../../../src/kernel-events/told.ts';
import type { Way } from '../../../src/kernel-events/way.ts';
import { memoryHost } from '../support/memory-host.ts';

const R = '6.12.58-gentoo-dist';
const MINUTE = 60_000;

/** Calls as they come: the way, and the minutes since the one before. */
type Call = readonly [way: Way, minutes: number, again: boolean, release?: string];

describe('a later hook of the same installation', () => {
  it.each<[string, readonly Call[]]>([
    [
      "Gentoo's installkernel calls three",
      [
        ['preinst.d', 0, false],
        ['debian-postinst', 2, true],
        ['postinst.d', 0, true],
      ],
    ],
    [
      'and begins anew when it is called again at once',
      [
        ['preinst.d', 0, false],
        ['debian-postinst', 2, true],
        ['postinst.d', 0, true],
        ['preinst.d', 1, false],
        ['debian-postinst', 1, true],
        ['postinst.d', 0, true],
      ],
    ],
    [
      'Debian has one way alone: each call is an installation of its own',
      [
        ['debian-postinst', 0, false],
        ['debian-postinst', 1, false],
        ['debian-postinst', 1, false],
      ],
    ],
    [
      'Debian with systemd-boot, whose hook calls kernel-install',
      [
        ['debian-postinst', 0, false],
        ['kernel-install', 1, true],
        ['debian-postinst', 1, false],
        ['kernel-install', 1, true],
      ],
    ],
    [
      'kernel-install that calls the hooks of others',
      [
        ['kernel-install', 0, false],
        ['debian-postinst', 1, true],
        ['kernel-install', 1, false],
      ],
    ],
    [
      'nothing of an hour ago',
      [
        ['preinst.d', 0, false],
        ['postinst.d', 61, false],
      ],
    ],
    [
      'another kernel',
      [
        ['preinst.d', 0, false],
        ['postinst.d', 1, false, '6.12.60-gentoo-dist'],
      ],
    ],
    [
      'a clock that was set back',
      [
        ['preinst.d', 0, false],
        ['postinst.d', -60, false],
      ],
    ],
  ])('%s', (_, calls) => {
    const host = memoryHost();
    for (const [way, minutes, again, release = R] of calls) {
      host.clock.advance(minutes * MINUTE);
      expect(dealtWithBefore(host, way, release), way).toBe(again);
      rememberTold(host, way, release);
    }
  });

  it('is none once the kernel was removed', () => {
    const host = memoryHost();
    rememberTold(host, 'preinst.d', R);
    forgetTold(host);
    expect(dealtWithBefore(host, 'postinst.d', R)).toBe(false);
  });

  it.each(['', 'null', '[]', '{"release":"x"}', `{"release":"${R}","at":5}`, `{"release":"${R}","ways":5}`])(
    'is none where the record says %j',
    (text) => {
      const host = memoryHost({ files: { '/run/ttkmd/told.json': text } });
      expect(dealtWithBefore(host, 'postinst.d', R)).toBe(false);
      rememberTold(host, 'preinst.d', R);
      expect(dealtWithBefore(host, 'postinst.d', R)).toBe(true);
    },
  );
});
