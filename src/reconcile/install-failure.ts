// Why a module could not be installed, in words.
import type { DkmsRun } from '../dkms/commands.ts';
import { PACKAGE } from '../driver/sources.ts';
import type { Step } from './step.ts';

type InstallStep = Extract<Step, { kind: 'install' }>;

export interface Failure {
  readonly code: string;
  readonly headline: string;
  readonly hint: string;
  /** It stays until the file that is in the way or depmod's settings change. */
  readonly shadowed?: boolean;
  /** It stays until the kernel or the driver source changes. */
  readonly lasting?: boolean;
  /** Somebody else's dkms was at work meanwhile, and may be why. */
  readonly disturbed?: boolean;
}

export function installFailure(step: InstallStep, run: DkmsRun): Failure {
  const said = run.output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .findLast((line) => /error|fail|cannot|no space|read-only|denied/i.test(line));
  const headline = run.timedOut
    ? 'dkms install took too long'
    : `dkms install ended with ${run.exitCode ?? run.signal}${said === undefined ? '' : `: ${said}`}`;
  const hint = `see for yourself: dkms install --force -m ${PACKAGE} -v ${step.version} -k ${step.release}`;
  return noRoomOr(run, { code: 'install-failed', headline, hint }, step);
}

/** dkms 3.0 goes on after a copy that found no room, and ends well. */
export function noRoomOr(run: DkmsRun, failure: Failure, step: InstallStep): Failure {
  return /No space left on device|Disk quota exceeded/.test(run.output) ? noRoom(step) : failure;
}

function noRoom({ release }: InstallStep, where = `/lib/modules/${release}`): Failure {
  return {
    code: 'no-space',
    headline: `there is no room left for the module in ${where}`,
    hint: 'make room on that file system, then: ttkmdctl reconcile',
  };
}

/** What a file system said to us and not to dkms. */
export function refusal(error: NodeJS.ErrnoException, step: InstallStep): Failure {
  const { release } = step;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    const where = error.message.includes('/lib/modules/') ? `/lib/modules/${release}` : undefined;
    return where === undefined ? { ...noRoom(step), headline: error.message } : noRoom(step, where);
  }
  const hint =
    error.code === 'EROFS'
      ? 'that file system is read-only: mount it writable, then: ttkmdctl reconcile'
      : 'try again: ttkmdctl reconcile; if it stays, report it with what ttkmdctl history prints';
  return { code: 'install-failed', headline: error.message, hint };
}
