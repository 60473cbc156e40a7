// The daemon's beat: by it, systemd hears that the daemon lives, and the daemon that time has gone by.
import type { ServiceManager } from './service-manager.ts';
import type { Worker } from './worker.ts';

/** How often, where systemd expects nothing, in milliseconds. */
const BEAT = 5 * 60_000;

export interface PulseParts {
  readonly manager: ServiceManager;
  readonly worker: Worker;
  /** Whether the daemon answers its own question. */
  readonly answers: () => Promise<boolean>;
}

/**
 * Systemd hears a sign of life only while the daemon answers. Timers stand still while the machine sleeps, and do not
 * hear of a clock that is set: what has become due meanwhile is done at the next beat.
 */
export function startPulse({ manager, worker, answers }: PulseParts): NodeJS.Timeout {
  return setInterval(() => {
    worker.hear({ type: 'time' });
    if (manager.aliveEvery === undefined) return;
    void answers().then((alive) => {
      if (alive) manager.alive();
    });
  }, manager.aliveEvery ?? BEAT);
}
