// Windows line ends in files that bash and make read: the carriage return becomes a part of the last word.
import type { Diagnosis, FailedBuild } from './diagnose.ts';
import { CLUE_NAMES, type Findings } from './diagnose-scan.ts';

/** What speaks for another cause, whatever the line ends are; a warning about symbols does not. */
const STRONGER = CLUE_NAMES.slice(0, CLUE_NAMES.indexOf('makefile-error')).filter(
  (name) => name !== 'no-symvers' && name !== 'carriage-returns',
);

/** Explains a failure by line ends, where the log or the files show them and nothing says more. */
export function explainCarriageReturns(build: FailedBuild, { clues }: Findings): Diagnosis | undefined {
  const files = build.carriageReturns ?? [];
  if (files.length === 0 && !clues.has('carriage-returns')) return undefined;
  if (STRONGER.some((name) => clues.has(name))) return undefined;
  const names = files.length === 0 ? "the driver source's dkms.conf" : files.join(' and ');
  const where = files.length === 0 ? 'that dkms.conf' : files.join(' ');
  return {
    code: 'carriage-returns',
    headline: `${names} ${files.length > 1 ? 'have' : 'has'} Windows line ends (CRLF)`,
    cause: 'bash and make take the carriage return for a part of the line',
    hint: `sed -i 's/\\r$//' ${where}, then: ttkmdctl reconcile`,
    transient: false,
  };
}
