// Makes it known when health changes: to the listeners, to systemd, and in the log.
import type { Log } from '../host/host.ts';
import type { Digest } from '../reconcile/digest.ts';
import type { ServiceManager } from './service-manager.ts';

export interface Publisher {
  /** When the status was last looked at, in milliseconds since 1970; 0 before the first time. */
  readonly at: number;
  /** @param settled false in the middle of a job, whose own end will tell whether health has changed */
  publish(digest: Digest, now: number, settled: boolean): void;
}

/** @param onDigest is given each of them, of a job under way too */
export function createPublisher(
  log: Log,
  manager: ServiceManager,
  tell: (line: string) => void,
  onDigest: (digest: Digest) => void = () => {},
): Publisher {
  let at = 0;
  let last: Digest | undefined;
  return {
    get at() {
      return at;
    },
    publish(digest, now, settled) {
      at = now;
      onDigest(digest);
      if (!settled) return;
      const { health, worst } = digest;
      if (last?.health !== health || last.worst !== worst) {
        announce(log, last, digest);
        tell(JSON.stringify({ type: 'health', at: new Date(now).toISOString(), health, worst }));
      }
      // At the first time whatever it is: the unit may have failed while an earlier daemon ran.
      if (last?.health !== health) manager.healthChanged();
      last = digest;
      manager.status(digest.summary);
    },
  };
}

function announce(log: Log, before: Digest | undefined, { health, worst, worstOf }: Digest): void {
  if (health === 'ok') log.info(before === undefined ? 'health is ok' : 'health is ok again');
  else log[health === 'failed' ? 'error' : 'warn'](`health is ${health}: ${worst}`, { kernel: worstOf });
}
