// What `ttkmdctl uninstall` takes back of a bootstrap.
import { EMPTY_JOURNAL, type Journal, readJournal } from '../bootstrap/journal.ts';
import type { Undo } from '../bootstrap/step.ts';
import { describeUndo, takeBack, type UndoReport, undoList } from '../bootstrap/undo.ts';
import { interrupted } from '../bootstrap/work.ts';
import { runOpenly } from '../host/open-run.ts';
import { interruptible } from '../host/signals.ts';
import type { Context } from './context.ts';

export interface UndoOptions {
  readonly dryRun?: boolean;
  readonly keepDriver?: boolean;
}

/**
 * Takes back what a bootstrap brought, from the last to the first; the program's own files are left to its removal.
 * The caller holds the lock.
 * @returns whether the driver goes, or is gone
 */
export async function takeBackBootstrap(context: Context, options: UndoOptions): Promise<boolean> {
  const { host, terminal } = context;
  const list = undoList(journalOf(context), options.keepDriver ?? false);
  if (list.length === 0) return false;
  if (host.root !== '/') {
    terminal.raw(
      `what the bootstrap brought there stays: chroot ${host.root} ttkmdctl uninstall takes it off too\n`,
    );
    return false;
  }
  const { signal } = interruptible();
  const bench = {
    host,
    onLine: () => {},
    hands: {
      run: (
        work: { argv: readonly string[]; env?: Readonly<Record<string, string>>; timeLimit: number },
        onLine: (line: string) => void,
      ) =>
        runOpenly(work.argv, {
          ...(work.env === undefined ? {} : { env: work.env }),
          timeLimit: work.timeLimit,
          signal,
          onLine,
        }),
    },
  };
  for (const undo of list) {
    // What is left is known by the journal, which goes with the program: that stays, too.
    if (signal.aborted) throw interrupted();
    const report = options.dryRun ? describeUndo(host, undo) : await takeBack(bench, undo);
    if (report !== undefined && isWorthALine(undo, report))
      terminal.line(lineOf(report, options.dryRun ?? false));
  }
  if (signal.aborted) throw interrupted();
  return list.some(({ kind }) => kind === 'driver');
}

function journalOf({ host, terminal }: Context): Journal {
  try {
    return readJournal(host.fs);
  } catch (error) {
    terminal.raw(`${(error as Error).message}\n`);
    return EMPTY_JOURNAL;
  }
}

/** Folders come and go with what is in them. */
function isWorthALine({ kind }: Undo, report: UndoReport): boolean {
  return kind !== 'folder' && !(kind === 'tree' && report.text.includes('/.'));
}

function lineOf({ kind, text }: UndoReport, dryRun: boolean): string {
  return kind === 'keep' ? `  keep    ${text}` : `  ${dryRun ? 'would remove' : 'removed'} ${text}`;
}
