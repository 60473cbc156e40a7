// What is made of a failed build's log: the frame of the tables.
import { describe, expect, test } from 'vitest';
import { type DiagnosedKernel, type Diagnosis, diagnoseBuild } from '../../../src/dkms/diagnose.ts';
import { BUILD, log30, log32 } from './diagnose-logs.ts';

export const GENTOO = '6.12.60-gentoo-dist';
export const DEBIAN = '6.1.0-56-amd64';

export type Options = Readonly<Record<string, string>>;

export function kernel(release: string, options: Options = {}): DiagnosedKernel {
  return {
    release,
    configuration: (option) => options[option],
    distKernel: release.endsWith('-gentoo-dist'),
  };
}

export function diagnose(
  log: string,
  exitCode: number | undefined,
  release = GENTOO,
  options: Options = {},
): Diagnosis {
  return diagnoseBuild({ exitCode, timedOut: false, log, kernel: kernel(release, options) });
}

/** The line that every failed compilation ends with. */
export const MAKE_ENDED = `make[1]: *** [/usr/src/linux/scripts/Makefile.build:255: ${BUILD}/chardev.o] Error 1
make: *** [/usr/src/linux/Makefile:2065: ${BUILD}] Error 2`;

export interface Row {
  readonly name: string;
  readonly make: string;
  readonly release?: string;
  readonly options?: Options;
  readonly code: string;
  readonly headline: string | RegExp;
  readonly cause?: RegExp;
  readonly hint: RegExp;
  readonly transient?: true;
}

export const undefinedSymbol = (...names: readonly string[]): string =>
  `  MODPOST ${BUILD}/Module.symvers
${names.map((name) => `ERROR: modpost: "${name}" [${BUILD}/tenstorrent.ko] undefined!`).join('\n')}
make[2]: *** [/usr/src/linux/scripts/Makefile.modpost:145: ${BUILD}/Module.symvers] Error 1`;

/** What make and the compiler say. Each is told to the diagnosis in the frame of both versions of dkms. */
export function expectDiagnoses(rows: readonly Row[]): void {
  describe.each([
    ['dkms 3.0.10', log30],
    ['dkms 3.2.2', log32],
  ])('what make says, in the frame of %s', (_version, frame) => {
    test.each(rows)('$name', (row) => {
      const release = row.release ?? GENTOO;
      const found = diagnose(frame(row.make, release), 10, release, row.options);
      expect(found).toMatchObject({ code: row.code, transient: row.transient ?? false });
      if (typeof row.headline === 'string') expect(found.headline).toBe(row.headline);
      else expect(found.headline).toMatch(row.headline);
      if (row.cause !== undefined) expect(found.cause).toMatch(row.cause);
      expect(found.hint).toMatch(row.hint);
    });
  });
}
