// The program's own messages, by pino: lines for people, or JSON where that was asked for.
import { spawn } from 'node:child_process';
import { type DestinationStream, type Level, pino } from 'pino';
import { BASE_ENVIRONMENT } from './environment.ts';
import type { Log } from './host.ts';

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

/** Messages go to standard error. */
export function createProcessLog(options: LogOptions): ProcessLog {
  const json = options.format === 'json';
  const destination = json ? undefined : linesFor(options);
  const settings = { level: options.level, base: json ? { name: 'ttkmd' } : null };
  const log =
    destination === undefined
      ? pino(settings, pino.destination({ fd: 2, sync: true }))
      : pino(settings, destination);
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
  const toJournal = format === 'auto' && journal !== undefined && journal !== '';
  return {
    write(text) {
      const { level, time: _, msg, ...fields } = JSON.parse(text) as Entry;
      if (toJournal) writeToJournal(level, msg, fields);
      else process.stderr.write(`${MARKS[level] ?? ''}${msg}\n`);
    },
  };
}

interface Entry extends Record<string, unknown> {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
}

/**
 * Through logger(1), since Node has no datagram sockets for the journal's own protocol. OBJECT_PID makes the journal
 * count the entry as this unit's though another process wrote it (systemd.journal-fields(7)).
 */
function writeToJournal(level: number, message: string, fields: Record<string, unknown>): void {
  const named = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `TTKMD_${name.replace(/\W/g, '_').toUpperCase()}=${oneLine(String(value))}`);
  const entry = [
    `MESSAGE=${oneLine(message)}`,
    `PRIORITY=${PRIORITIES[level] ?? 6}`,
    'SYSLOG_IDENTIFIER=ttkmd',
    `OBJECT_PID=${process.pid}`,
    ...named,
  ];
  let said = false;
  // Where logger is missing, or was built without the journal, the line itself is what counts.
  const plain = (): void => {
    if (!said) process.stderr.write(`<${PRIORITIES[level] ?? 6}>${oneLine(message)}\n`);
    said = true;
  };
  const logger = spawn('logger', ['--journald'], {
    env: BASE_ENVIRONMENT,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  logger.on('error', plain);
  logger.on('close', (code) => {
    if (code !== 0) plain();
  });
  // Node has not made it where descriptors ran out, whatever its types say.
  logger.stdin?.on('error', () => {});
  logger.stdin?.end(`${entry.join('\n')}\n`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
