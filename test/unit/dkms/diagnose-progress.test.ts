// The last line of make, as it is shown while a build runs.
import { expect, test } from 'vitest';
import { lastMakeLine } from '../../../src/dkms/diagnose.ts';
import { BUILD } from './diagnose-logs.ts';

test.each<[string, string | undefined]>([
  [`  CC [M]  ${BUILD}/chardev.o`, 'CC [M] chardev.o'],
  [`  CC [M]  /var/lib/ttkmd/staging/tenstorrent/2.9.0/build/chardev.o`, 'CC [M] chardev.o'],
  [`  CC [M]  ${BUILD}/blackhole/arc.o`, 'CC [M] blackhole/arc.o'],
  [`  MODPOST ${BUILD}/Module.symvers`, 'MODPOST Module.symvers'],
  [`  LD [M]  ${BUILD}/tenstorrent.ko`, 'LD [M] tenstorrent.ko'],
  ['  CC [M]  chardev.o', 'CC [M] chardev.o'],
  ['  HOSTCC  /usr/src/linux/scripts/basic/fixdep', 'HOSTCC fixdep'],
  [`${BUILD}/chardev.c:8:1: error: unknown type name ‘foo’`, "chardev.c:8:1: error: unknown type name 'foo'"],
  [`ERROR: modpost: "x" [${BUILD}/tenstorrent.ko] undefined!`, '"x" [tenstorrent.ko] undefined!'],
  ['Error! Bad return status for module build', 'Bad return status for module build'],
  ['Building module(s)...', 'starting make'],
  ['Building module:', 'starting make'],
  ['Cleaning build area...', 'cleaning'],
  [`Signing module ${BUILD}/tenstorrent.ko`, 'signing'],
  ['Running depmod... done.', 'depmod'],
  ['depmod....', 'depmod'],
  ['Installing /lib/modules/6.1/extra/tenstorrent.ko', 'installing'],
  ['   - Installing to /lib/modules/6.1/updates/dkms/', 'installing'],
  ['the build failed …: waiting for that one, then building again', 'waiting for another dkms to end'],
  ['still waiting for another dkms to end', 'waiting for another dkms to end'],
  ["make: Entering directory '/usr/src/linux'", undefined],
  ['make -j2 KERNELRELEASE=6.1 -C /lib/modules/6.1/build M=/x...', undefined],
  ['   76 | static int frob(void) { return 1; }', undefined],
  ['', undefined],
  ['Sat Nov 21 03:34:28 UTC 2026', undefined],
  ['----------------------------------------------------------------', undefined],
  [`${BUILD}/chardev.c:8:1: warning: unused variable`, undefined],
])('%s', (line, shown) => {
  expect(lastMakeLine(line)).toBe(shown);
});
