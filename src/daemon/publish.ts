// Makes the newest status known: the file for everybody, the listeners, systemd, and the log where health changes.
import type { HostFs } from '../host/fs.ts';
import type { Log } from '../host/host.ts';
import type { ServiceManager } from './service-manager.ts';

export const STATUS_FILE = '/run/ttkmd/status.json';

/** As much of the status document as the daemon itself reads. */
export interface StatusDocument {
  readonly health: 'ok' | 'degraded' | 'failed';
  readonly kernels: readonly { readonly module: { readonly state: string } }[];
  readonly problems: readonly {
    readonly message: string;
    readonly hint: string;
    readonly release: string | null;
    readonly severity: string;
  }[];
}

export interface Publisher {
  readonly text: string | undefined;
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
  /** @param settled false in the middle of a job, whose own end will tell whether health has changed */
  publish(document: StatusDocument, now: number, settled: boolean): void;
}

export function createPublisher(
  { fs, log }: { readonly fs: HostFs; readonly log: Log },
  manager: ServiceManager,
  tell: (line: string) => void,
): Publisher {
  let text: string | undefined;
  let at = 0;
  let health: string | undefined;
  let worst = '';
  return {
    get text() {
      return text;
    },
    get at() {
      return at;
    },
    publish(document, now, settled) {
      text = `${JSON.stringify(document, undefined, 2)}\n`;
      at = now;
      writeFile(fs, log, text);
      if (!settled) return;
      const [problem] = document.problems.filter(({ severity }) => severity !== 'note');
      const said = problem === undefined ? '' : `${problem.message} → ${problem.hint}`;
      if (health !== document.health || worst !== said) {
        announce(log, health, document.health, said, problem?.release ?? undefined);
        tell(JSON.stringify({ type: 'health', at: now, health: document.health, worst: said }));
      }
      if (health !== document.health && (health !== undefined || document.health !== 'ok')) {
        manager.health(document.health === 'ok');
      }
      health = document.health;
      worst = said;
      manager.status(summary(document));
    },
  };
}

function announce(
  log: Log,
  before: string | undefined,
  now: string,
  worst: string,
  kernel: string | undefined,
): void {
  if (now === 'ok') log.info(before === undefined ? 'health is ok' : 'health is ok again');
  else log[now === 'failed' ? 'error' : 'warn'](`health is ${now}: ${worst}`, { kernel });
}

/** One line: `ok: 3 of 3 kernels have the driver`. */
function summary({ health, kernels }: StatusDocument): string {
  const able = kernels.filter(({ module }) => module.state !== 'unsupported');
  const current = able.filter(({ module }) => module.state === 'current').length;
  return `${health}: ${current} of ${able.length} kernels have the driver`;
}

function writeFile(fs: HostFs, log: Log, text: string): void {
  try {
    fs.write(STATUS_FILE, text);
  } catch (error) {
    log.warn(`${STATUS_FILE} cannot be written: ${(error as Error).message}`);
  }
}
