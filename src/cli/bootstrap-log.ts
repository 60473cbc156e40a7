// The one log of a bootstrap.
import { LOG_FOLDER } from '../bootstrap/newest-log.ts';
import { localTime } from '../host/local-time.ts';
import type { BootstrapProgress } from './bootstrap-progress.ts';
import type { Context } from './context.ts';

export interface BootstrapLog {
  readonly path: string;
  write(line: string): void;
}

/** One log for the whole run. */
export function openLog({ host }: Context): BootstrapLog {
  const now = localTime(host.clock.now());
  const path = `${LOG_FOLDER}/bootstrap-${now.slice(0, 19).replace(' ', 'T').replaceAll(':', '')}.log`;
  const start = host.clock.now();
  const write = (line: string): void => {
    const seconds = ((host.clock.now() - start) / 1000).toFixed(1).padStart(7);
    host.fs.append(path, `${seconds} ${line}\n`, 0o640);
  };
  write(`ttkmdctl bootstrap, ${now}: ${process.argv.slice(2).join(' ')}`);
  return { path, write };
}

export function tellFailure(
  error: unknown,
  progress: BootstrapProgress,
  log: BootstrapLog | undefined,
): void {
  progress.stop();
  if (log === undefined) return;
  log.write((error as Error).message);
  process.stderr.write(`log: ${log.path}\n`);
}
