// The children's command lines, and what they print, as far as the daemon reads it.
import type { StatusDocument } from './publish.ts';
import type { Job } from './schedule.ts';

/** The arguments of the command that does a job. */
export function commandOf(job: Job): string[] {
  if (job.kind === 'status') return ['status', '--json'];
  return [
    'reconcile',
    '--json',
    `--trigger=${job.trigger}`,
    ...(job.release === undefined ? [] : [`--kernel=${job.release}`]),
    ...(job.force ? ['--force'] : []),
  ];
}

export interface ResultLine {
  readonly text: string;
  readonly failed: boolean;
  readonly release: string | undefined;
  readonly step: string;
  readonly trigger: string | undefined;
}

export interface Result {
  readonly status: StatusDocument;
  /** Milliseconds after which another look is worth while. */
  readonly again: number | undefined;
  /** What was done. */
  readonly lines: readonly ResultLine[];
}

interface ReconcileDocument {
  readonly status: StatusDocument;
  readonly steps: readonly {
    readonly kind: string;
    readonly release: string | null;
    readonly version: string | null;
    readonly outcome: string | null;
    readonly detail: string | null;
    readonly hint: string | null;
    readonly again: number | null;
  }[];
}

/** What a child printed; undefined where that is no document. */
export function readResult(job: Job, stdout: string): Result | undefined {
  try {
    const document = JSON.parse(stdout) as unknown;
    if (job.kind === 'status') return { status: document as StatusDocument, again: undefined, lines: [] };
    const { status, steps } = document as ReconcileDocument;
    const times = steps.flatMap(({ again }) => (again === null ? [] : [again * 1000]));
    const done = steps.filter(({ outcome }) => outcome === 'done' || outcome === 'failed');
    return {
      status,
      again: times.length === 0 ? undefined : Math.min(...times),
      lines: done.map(({ kind, release, version, outcome, detail, hint }) => ({
        text: [release ?? 'tenstorrent', version ?? '']
          .filter(Boolean)
          .join(' ')
          .concat(`: ${detail ?? kind}`, hint === null ? '' : ` → ${hint}`),
        failed: outcome === 'failed',
        release: release ?? undefined,
        step: kind,
        trigger: job.trigger,
      })),
    };
  } catch {
    return undefined;
  }
}
