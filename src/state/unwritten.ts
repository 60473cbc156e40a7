// Records that could not be written: a full disk costs a word in the report, and nobody the driver.

/** What a run keeps records in. */
export type RecordKind = 'build-log' | 'history' | 'run' | 'state' | 'status';

export interface UnwrittenRecord {
  readonly record: RecordKind;
  /** What could not be written, where and why. */
  readonly message: string;
  readonly hint: string;
}

export interface UnwrittenRecords {
  /**
   * Writes a record, and remembers where it cannot be written; said once for each kind.
   * @param path what is written, for the message
   * @returns whether it was written
   */
  attempt(record: RecordKind, path: string, write: () => void): boolean;
  readonly found: readonly UnwrittenRecord[];
}

const NAMES: Readonly<Record<RecordKind, string>> = {
  'build-log': 'the build log could not be written',
  history: 'what was done could not be added to the history',
  run: 'this run could not be announced to ttkmdctl status and cancel',
  state: 'what was done could not be remembered, and may be done again',
  status: 'the status could not be written for others to read',
};

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EIO: 'input/output error',
};

export function createUnwritten(): UnwrittenRecords {
  const found = new Map<RecordKind, UnwrittenRecord>();
  return {
    get found() {
      return [...found.values()];
    },
    attempt(record, path, write) {
      try {
        write();
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Anything else is an error in the program.
        if (code === undefined) throw error;
        if (!found.has(record)) found.set(record, describe(record, path, error as NodeJS.ErrnoException));
        return false;
      }
      // The state is written as a whole each time, so that nothing of it is lacking any more.
      if (record === 'state') found.delete(record);
      return true;
    },
  };
}

function describe(record: RecordKind, path: string, error: NodeJS.ErrnoException): UnwrittenRecord {
  const code = error.code ?? '';
  const reason = REASONS[code] ?? error.message;
  return { record, message: `${NAMES[record]}: ${path}: ${reason} (${code})`, hint: hintFor(code, path) };
}

function hintFor(code: string, path: string): string {
  const folder = path.slice(0, path.lastIndexOf('/'));
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `make room there: df -h ${folder}; df -i ${folder}`;
    case 'EROFS':
      return `mount that file system writable; dmesg says if an error made it read-only`;
    default:
      return `see why root cannot write there: ls -ld ${folder}; dmesg`;
  }
}
