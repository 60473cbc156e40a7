// The children's command lines, and what they print.
import type { Digest } from '../reconcile/digest.ts';
import type { Job } from './schedule.ts';

/** The arguments of the command that does a job, writes the status file, and prints a digest. */
export function commandOf(job: Job): string[] {
  if (job.kind === 'status') return ['status', '--publish'];
  return [
    'reconcile',
    '--publish',
    `--trigger=${job.trigger}`,
    ...(job.release === undefined ? [] : [`--kernel=${job.release}`]),
    ...(job.force ? ['--force'] : []),
  ];
}

/** What a child printed; undefined where that is no digest. */
export function readDigest(stdout: string): Digest | undefined {
  try {
    const digest = JSON.parse(stdout) as Partial<Digest>;
    return typeof digest.health === 'string' && Array.isArray(digest.done) ? (digest as Digest) : undefined;
  } catch {
    return undefined;
  }
}
