// Entries for systemd's journal, with fields.
import { spawn } from 'node:child_process';
import { BASE_ENVIRONMENT } from './environment.ts';

/** Writes one entry, behind those that were written before it. */
export type Journal = (priority: number, message: string, fields: Record<string, unknown>) => void;

/** Milliseconds for an entry; those behind it wait no longer. */
const LIMIT = 5000;

/**
 * Through logger(1), since Node has no datagram sockets for the journal's own protocol. Each entry is a process of its
 * own: one after another, they come in their order.
 */
export function openJournal(logger = 'logger'): Journal {
  let last = Promise.resolve();
  return (priority, message, fields) => {
    const entry = entryOf(priority, message, fields);
    last = last
      .then(() => write(logger, entry))
      // Node throws some of what keeps a command from being started.
      .catch(() => false)
      .then((done) => {
        // Where logger is missing, or was built without the journal, the line itself is what counts.
        if (!done) process.stderr.write(`<${priority}>${oneLine(message)}\n`);
      });
  };
}

/** OBJECT_PID makes the journal count it as this unit's though another process wrote it (systemd.journal-fields(7)). */
function entryOf(priority: number, message: string, fields: Record<string, unknown>): string {
  const named = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `TTKMD_${name.replace(/\W/g, '_').toUpperCase()}=${oneLine(String(value))}`);
  const lines = [
    `MESSAGE=${oneLine(message)}`,
    `PRIORITY=${priority}`,
    'SYSLOG_IDENTIFIER=ttkmd',
    `OBJECT_PID=${process.pid}`,
    ...named,
  ];
  return `${lines.join('\n')}\n`;
}

function write(logger: string, entry: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(logger, ['--journald'], {
      env: BASE_ENVIRONMENT,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      end(false);
    }, LIMIT);
    const end = (done: boolean): void => {
      clearTimeout(limit);
      resolve(done);
    };
    child.on('error', () => end(false));
    child.on('close', (code) => end(code === 0));
    // Node has not made it where descriptors ran out, whatever its types say.
    child.stdin?.on('error', () => {});
    child.stdin?.end(entry);
  });
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}
