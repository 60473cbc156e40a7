// What each caller's arguments mean.
import { describe, expect, it } from 'vitest';
import { readEvent, type Way } from '../../../src/kernel-events/way.ts';

const R = '6.12.58-gentoo-dist';

describe('readEvent', () => {
  it.each<[Way, string[], ReturnType<typeof readEvent>]>([
    ['kernel-install', ['add', R, '/boot/entry', '/image', '/initrd'], { action: 'add', release: R }],
    ['kernel-install', ['remove', R, '/boot/entry'], { action: 'remove', release: R }],
    ['kernel-install', ['inspect', R], { action: 'ignore', release: R }],
    ['kernel-install', ['add'], undefined],
    ['kernel-install', [], undefined],
    ['preinst.d', [R, '/boot/image'], { action: 'add', release: R }],
    ['postinst.d', [R, '/boot/image'], { action: 'add', release: R }],
    ['debian-postinst', [R, '/boot/image'], { action: 'add', release: R }],
    ['debian-prerm', [R, '/boot/image'], { action: 'ignore', release: R }],
    ['debian-postrm', [R, '/boot/image'], { action: 'remove', release: R }],
    ['postinst.d', [], undefined],
    ['postinst.d', [''], undefined],
    ['postinst.d', ['..'], undefined],
    ['postinst.d', ['../../etc'], undefined],
    ['debian-postrm', ['a b'], undefined],
  ])('%s %j', (way, args, expected) => {
    expect(readEvent(way, args)).toEqual(expected);
  });
});
