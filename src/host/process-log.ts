// The program's own messages, by pino: lines for people, or JSON where that was asked for.
import { type DestinationStream, type Level, pino } from 'pino';
import type { Log } from './host.ts';
import { openJournal } from './journal.ts';

export interface LogOptions {
  readonly level: Level;
  /** `auto` is lines for people, and entries with fields where the journal listens. */
  readonly format: 'auto' | 'pretty' | 'json';
  /** JOURNAL_STREAM of the environment, which systemd sets where standard error is the journal. */
  readonly journal: string | undefined;
}

/** A log whose level can be changed while it is used. */
export interface ProcessLog extends Log {
  setLevel(level: Level): void;
}

/** syslog's priorities, by pino's numbers for its levels. */
const PRIORITIES: Readonly<Record<number, number>> = { 20: 7, 30: 6, 40: 4, 50: 3 };
const MARKS: Readonly<Record<number, string>> = { 20: 'debug: ', 40: 'warning: ', 50: 'error: ' };

/** Messages go to standard error; those that it does not take are lost, and stop nothing. */
export function createProcessLog(options: LogOptions): ProcessLog {
  const json = options.format === 'json';
  const destination = json ? { write: (text: string) => void process.stderr.write(text) } : linesFor(options);
  const log = pino({ level: options.level, base: json ? { name: 'ttkmd' } : null }, destination);
  const at =
    (level: keyof Log) =>
    (message: string, fields: Record<string, unknown> = {}): void =>
      log[level](fields, message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    setLevel(level) {
      log.level = level;
    },
  };
}

function linesFor({ format, journal }: LogOptions): DestinationStream {
  const toJournal = format === 'auto' && journal !== undefined && journal !== '' ? openJournal() : undefined;
  return {
    write(text) {
      const { level, time: _, msg, ...fields } = JSON.parse(text) as Entry;
      if (toJournal !== undefined) toJournal(PRIORITIES[level] ?? 6, msg, fields);
      else process.stderr.write(`${MARKS[level] ?? ''}${msg}\n`);
    },
  };
}

interface Entry extends Record<string, unknown> {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
}
