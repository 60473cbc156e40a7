// Failed builds: what dkms says itself, how it ended, and logs of any kind.
import { describe, expect, test } from 'vitest';
import { diagnoseBuild } from '../../../src/dkms/diagnose.ts';
import { BUILD, log32 } from './diagnose-logs.ts';
import { diagnose, GENTOO, kernel } from './diagnose-rows.ts';

/** What dkms says itself, as 3.0.10 and 3.2.2 print it. */
const dkmsRows: readonly (readonly [string, number, string, string, string | RegExp, boolean])[] = [
  [
    'no headers, 3.0.10, which ends with 1',
    1,
    `Error! Your kernel headers for kernel ${GENTOO} cannot be found at /lib/modules/${GENTOO}/build or /lib/modules/${GENTOO}/source.`,
    'headers-not-ready',
    /^Your kernel headers for kernel/,
    false,
  ],
  [
    'no headers, 3.2.2',
    21,
    `\nError! Your kernel headers for kernel x cannot be found at y`,
    'headers-not-ready',
    /headers/,
    false,
  ],
  ['no headers, no words', 21, '', 'headers-not-ready', /does not find the kernel headers/, false],
  [
    'BUILD_EXCLUSIVE, 3.0.10',
    77,
    'Error! The /var/lib/dkms/tenstorrent/2.9.0/x/x86_64/dkms.conf for module tenstorrent includes a BUILD_EXCLUSIVE directive which does not match this kernel/arch/config.',
    'unsupported',
    `the driver is not for ${GENTOO}`,
    false,
  ],
  [
    'BUILD_EXCLUSIVE, 3.4',
    77,
    'Warning: The x/dkms.conf\nfor module tenstorrent/2.9.0 includes BUILD_EXCLUSIVE directives\nwhich do not match this kernel/arch/config for any modules.',
    'unsupported',
    /is not for/,
    false,
  ],
  ['BUILD_EXCLUSIVE, no words', 77, '', 'unsupported', /is not for/, false],
  [
    'no source',
    2,
    'Error! Could not find module source directory.\nDirectory: /usr/src/tenstorrent-2.9.0 does not exist.',
    'no-source',
    'Could not find module source directory',
    false,
  ],
  [
    'no source any more, 3.0.10',
    4,
    'Error! Could not locate dkms.conf file.\nFile: /var/lib/dkms/x/source/dkms.conf does not exist.',
    'no-source',
    'Could not locate dkms.conf file',
    false,
  ],
  [
    'no source any more, 3.2.2',
    4,
    '\nError! tenstorrent/2.9.0 is broken!\nMissing the source directory or the symbolic link pointing to it.\nManual intervention is required!',
    'no-source',
    /^Missing the source directory/,
    false,
  ],
  ['a broken module, no words', 4, '', 'broken-module', /broken/, false],
  [
    'a bad dkms.conf',
    8,
    "dkms.conf: Error! No 'DEST_MODULE_LOCATION' directive specified for record #0.\n\nError! Bad conf file.",
    'bad-dkms-conf',
    "dkms.conf: No 'DEST_MODULE_LOCATION' directive specified for record #0",
    false,
  ],
  [
    'an empty source',
    8,
    'Error! The directory /usr/src/x does not appear to have module source located within it.',
    'bad-dkms-conf',
    /does not appear/,
    false,
  ],
  [
    'a patch that does not apply',
    6,
    'Applying patch x.patch...(bad exit status: 1)\nFailed command:\npatch -p1 < ./patches/x.patch\n\nError! Application of patch x.patch failed.',
    'patch-failed',
    /^the patch x\.patch/,
    false,
  ],
  [
    'a patch that is not there',
    5,
    'Error! Patch gone.patch as specified in dkms.conf cannot be\nfound in /x/patches/.',
    'patch-failed',
    /^the patch gone\.patch/,
    false,
  ],
  [
    'no patch program',
    6,
    'Applying patch x.patch...(bad exit status: 127)\n/usr/sbin/dkms: line 194: patch: command not found\nError! Application of patch x.patch failed.',
    'tool-missing',
    'patch is missing',
    true,
  ],
  [
    'a script that fails, with a status that means something else',
    3,
    'Running the pre_build script...(bad exit status: 3)\nFailed command:\ncd x && y',
    'script-failed',
    /^the pre_build script/,
    false,
  ],
  [
    'pre_install',
    101,
    'Error! pre_install failed, aborting install.',
    'script-failed',
    /^the pre_install script/,
    false,
  ],
  [
    'a module of another name',
    7,
    'Building module(s)... done.\n\nError! Build of other.ko failed for: x (x86_64)',
    'module-not-built',
    /^Build of other\.ko failed/,
    false,
  ],
  [
    'a missing dependency',
    13,
    'Error! Aborting build of module a/1 for kernel b (x86_64) due to missing BUILD_DEPENDS: foo.',
    'build-depends',
    /BUILD_DEPENDS: foo$/,
    false,
  ],
  [
    'depmod',
    6,
    'depmod...(bad exit status: 1)\nError! Problems with depmod detected. Automatically uninstalling this module.',
    'depmod',
    /^Problems with depmod/,
    true,
  ],
  [
    "depmod's own words",
    6,
    'depmod: ERROR: could not open directory /lib/modules/x: No such file or directory',
    'depmod',
    /could not open directory/,
    true,
  ],
  [
    'a kernel that is gone',
    6,
    "Error! The directory /lib/modules/x doesn't exist.\nYou cannot install a module onto a non-existant kernel.",
    'kernel-gone',
    `there is no /lib/modules/${GENTOO}`,
    true,
  ],
  [
    'an older module',
    6,
    'Module /lib/modules/x/extra/tenstorrent.ko already installed at version 2.10.0, override by specifying --force\n\nError! Installation aborted.',
    'version-refused',
    /already installed at version 2\.10\.0/,
    false,
  ],
  [
    'not registered',
    3,
    'Error! The module/version combo: tenstorrent/2.9.0 is not located in the DKMS tree.',
    'not-registered',
    /not located/,
    true,
  ],
  [
    'built meanwhile',
    3,
    'Error! This module/version has already been built on: x',
    'overlap',
    /already been built/,
    true,
  ],
  [
    'installed meanwhile',
    5,
    'Error! This module/version combo is already installed for kernel x (x86_64).',
    'overlap',
    /already installed/,
    true,
  ],
  [
    'built in another hurry',
    7,
    `mv: cannot overwrite 'x': Directory not empty\nError! do_build: final mv failed (1)`,
    'overlap',
    /final mv failed/,
    true,
  ],
  [
    'the folder went away, 3.2.2 says so',
    15,
    '/usr/sbin/dkms: line 1442: cd: /var/lib/dkms/tenstorrent/2.9.0/build: No such file or directory',
    'overlap',
    /No such file/,
    true,
  ],
  [
    'the log went away, 3.2.2',
    10,
    `Building module(s)..../usr/sbin/dkms: line 198: ${BUILD}/make.log: No such file or directory\n(bad exit status: 2)`,
    'overlap',
    /make\.log/,
    true,
  ],
  [
    'the log went away, 3.0.10',
    10,
    `make -j2 KERNELRELEASE=x -C y M=${BUILD}....(bad exit status: 2)\nError! Bad return status for module build on kernel: x (x86_64)\nConsult ${BUILD}/make.log for more information.`,
    'overlap',
    'the build folder went away during the build',
    true,
  ],
  [
    'somebody else wrote the log',
    7,
    `Error! Build of tenstorrent.ko failed for: ${GENTOO}\nDKMS (dkms-3.2.2) make.log for tenstorrent/2.9.0 for kernel 6.1.0-56-amd64 (x86_64)\nmake: Entering directory '/usr/src/linux'`,
    'overlap',
    'make.log is that of a build for 6.1.0-56-amd64',
    true,
  ],
  [
    'two builds cleaning up',
    1,
    `rm: cannot remove '${BUILD}/.tmp': Directory not empty`,
    'overlap',
    /Directory not empty/,
    true,
  ],
  [
    'a read-only file system',
    10,
    "rm: cannot remove '/var/lib/dkms/tenstorrent/2.9.0/build': Read-only file system\n/usr/sbin/dkms: line 1079: make.log: Read-only file system",
    'read-only',
    /read-only/,
    true,
  ],
  [
    'no make',
    10,
    '/usr/sbin/dkms: line 1073: make: command not found\nCleaning build area...(bad exit status: 127)',
    'tool-missing',
    'make is missing',
    true,
  ],
  ['no dkms', 127, '', 'tool-missing', 'dkms is missing', true],
  [
    'no dkms inside a wrapper',
    127,
    'nice: failed to execute dkms: No such file or directory',
    'tool-missing',
    'dkms is missing',
    true,
  ],
  [
    'not root',
    1,
    'Error! You must be root to use this command.',
    'not-root',
    'You must be root to use this command',
    true,
  ],
  [
    'a signature that fails',
    1,
    "Warning: Failed to sign module '/x/tenstorrent.ko'!",
    'signing-failed',
    /Failed to sign/,
    false,
  ],
  ['a status that nobody knows', 42, '', 'build-failed', 'dkms ended with 42', false],
  [
    'dkms has words, we have none',
    42,
    'Error! Something new happened.',
    'build-failed',
    'Something new happened',
    false,
  ],
];

describe('what dkms says', () => {
  test.each(dkmsRows)('%s', (_name, exitCode, log, code, headline, transient) => {
    const found = diagnose(log, exitCode);
    expect(found).toMatchObject({ code, transient });
    if (typeof headline === 'string') expect(found.headline).toBe(headline);
    else expect(found.headline).toMatch(headline);
    expect(found.unsupported).toBe(code === 'unsupported' ? true : undefined);
  });
});

describe('how it ended', () => {
  const log = log32(`${BUILD}/chardev.c:8:1: error: unknown type name ‘foo’`, GENTOO);
  test.each([
    [
      'a time limit',
      { exitCode: undefined, signal: 'SIGKILL', timedOut: true },
      'time-limit',
      /longer than its time limit/,
    ],
    [
      'a signal',
      { exitCode: undefined, signal: 'SIGTERM', timedOut: false },
      'interrupted',
      /ended by SIGTERM$/,
    ],
    [
      'a signal without a name',
      { exitCode: undefined, timedOut: false },
      'interrupted',
      /ended by a signal$/,
    ],
    ['a signal to the shell', { exitCode: 137, timedOut: false }, 'interrupted', /ended by SIGKILL$/],
    ['an odd signal', { exitCode: 160, timedOut: false }, 'interrupted', /ended by signal 32$/],
  ])('%s comes before what the log says', (_name, end, code, headline) => {
    const found = diagnoseBuild({ ...end, log, kernel: kernel(GENTOO) });
    expect(found).toMatchObject({ code, transient: true });
    expect(found.headline).toMatch(headline);
  });

  test('memory that ran out says more than the signal', () => {
    const killed = log32('gcc: fatal error: Killed signal terminated program cc1', GENTOO);
    expect(diagnose(killed, 137).code).toBe('out-of-memory');
  });
});

describe('any log', () => {
  test('the next thing to do is never missing, the headline is one short line', () => {
    for (let exitCode = 0; exitCode < 260; exitCode += 1) {
      for (const log of ['', 'Error!', '\u0000\u001b[31mError! odd\u001b[0m', `Error! ${'x'.repeat(5000)}`]) {
        const { headline, hint, code } = diagnose(log, exitCode);
        expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
        expect(headline).toMatch(/^\P{Cc}{3,160}$/u);
        expect(hint).toMatch(/^\P{Cc}{5,}$/u);
      }
    }
  });

  test('a huge one is read once, in little time', () => {
    const noise = `  CC [M]  ${BUILD}/file.o\n${BUILD}/file.c:1:2: warning: not so nice [-Wall]\n`.repeat(
      200_000,
    );
    const log = `${noise}${BUILD}/file.c:8:1: error: unknown type name ‘foo’\n${noise}${'y'.repeat(2_000_000)}`;
    const started = performance.now();
    expect(diagnose(log, 10).code).toBe('compile-error');
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
