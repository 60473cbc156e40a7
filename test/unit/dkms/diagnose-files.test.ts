// What the log alone does not tell: line ends of the driver's files, and which file system is full.
import { describe, expect, it } from 'vitest';
import { type Diagnosis, diagnoseBuild } from '../../../src/dkms/diagnose.ts';
import { BUILD } from './diagnose-logs.ts';

const SOURCE = '/usr/src/tenstorrent-2.9.0';

function diagnose(log: string, exitCode: number, carriageReturns: readonly string[] = []): Diagnosis {
  const kernel = { release: '6.12.60-gentoo-dist', configuration: () => undefined, distKernel: true };
  return diagnoseBuild({ exitCode, timedOut: false, log, kernel, carriageReturns });
}

/** What dkms 3.0 prints with such a dkms.conf: the carriage return in its own message ends a line for us. */
const DKMS_30 = `${SOURCE}/dkms.conf: line 4: $'\\r': command not found
${SOURCE}/dkms.conf: line 7: $'\\r': command not found
Building module:
Error!  Build of tenstorrent
.ko failed for: 6.12.60-gentoo-dist (x86_64)`;

describe('Windows line ends', () => {
  it.each<[string, string, number, string]>([
    ['a dkms.conf with empty lines', DKMS_30, 7, 'dkms.conf'],
    [
      'one without',
      'Error!  Build of tenstorrent\n.ko failed for: 6.12.60-gentoo-dist (x86_64)',
      7,
      'dkms.conf',
    ],
    ['one that dkms cannot read', 'Error! Bad conf file.\nFile: dkms.conf', 8, 'dkms.conf'],
    ['a Makefile', `${BUILD}/Makefile:12: *** missing separator.  Stop.`, 10, 'Makefile'],
    [
      'a Makefile that names files',
      `make[2]: *** No rule to make target '${BUILD}/chardev.o\r', needed by x`,
      10,
      'Makefile',
    ],
    ['a script', 'sh: ./pre_build: /bin/sh^M: bad interpreter: No such file or directory', 101, 'pre_build'],
  ])('are named, and what takes them away: %s', (_, log, exitCode, file) => {
    const { code, headline, cause, hint } = diagnose(log, exitCode, [`${SOURCE}/${file}`]);
    expect(code).toBe('carriage-returns');
    expect(headline).toBe(`${SOURCE}/${file} has Windows line ends (CRLF)`);
    expect(cause).toMatch(/carriage return/);
    expect(hint).toBe(`sed -i 's/\\r$//' ${SOURCE}/${file}, then: ttkmdctl reconcile`);
  });

  it('are told of by the log alone', () => {
    const found = diagnose(DKMS_30, 7);
    expect(found).toMatchObject({ code: 'carriage-returns', transient: false });
    expect(found.headline).toBe("the driver source's dkms.conf has Windows line ends (CRLF)");
    expect(found.hint).toContain("sed -i 's/\\r$//'");
  });

  it.each([
    [
      'a missing symbol',
      `${DKMS_30}\nERROR: modpost: "foo" [${BUILD}/tenstorrent.ko] undefined!`,
      'missing-symbol',
    ],
    [
      'an error in the source',
      `${DKMS_30}\n${BUILD}/a.c:1:2: error: unknown type name 'foo'`,
      'compile-error',
    ],
    ['a program that is missing', `${DKMS_30}\n/bin/sh: 1: pahole: not found`, 'tool-missing'],
    ['a full disk', `${DKMS_30}\ncp: error: No space left on device`, 'no-space'],
  ])('are not blamed for %s', (_, log, code) => {
    expect(diagnose(log, 10, [`${SOURCE}/dkms.conf`]).code).toBe(code);
  });
});

describe('a full disk', () => {
  it.each([
    [
      "cp: error writing '/lib/modules/6.1/updates/dkms/tenstorrent.ko': No space left on device",
      '/lib/modules/6.1/updates/dkms',
    ],
    [
      'cp: error writing ‘/lib/modules/6.1/extra/tenstorrent.ko’: Disk quota exceeded',
      '/lib/modules/6.1/extra',
    ],
    ["mkdir: cannot create directory '/var/lib/dkms/x': No space left on device", '/var/lib/dkms'],
  ])('is named by the folder that dkms copied to: %s', (line, folder) => {
    const { code, headline, hint } = diagnose(line, 6);
    expect(code).toBe('no-space');
    expect(headline).toBe(`no space left on the file system of ${folder} (ENOSPC)`);
    expect(hint).toContain(`df -h ${folder}`);
  });
});
