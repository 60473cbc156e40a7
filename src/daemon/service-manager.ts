// What systemd is told; without it, nobody.
import type { Exec } from '../host/exec.ts';

export interface ServiceManager {
  ready(): Promise<void>;
  /** One line for `systemctl status`. */
  status(text: string): void;
  stopping(): void;
  /** Milliseconds between two signs of life; undefined where none are expected. */
  readonly aliveEvery: number | undefined;
  alive(): void;
  /** Starts the unit that others hang an OnFailure on: it looks for itself, and fails while health is not ok. */
  healthChanged(): void;
}

const HEALTH_UNIT = 'ttkmd-health.service';

/**
 * Through `systemd-notify`, since Node has no datagram sockets; the unit allows it by NotifyAccess=all.
 * @param env NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID as systemd sets them (sd_notify(3), sd_watchdog_enabled(3))
 */
export function serviceManager(
  exec: Exec,
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): ServiceManager {
  const socket = env.NOTIFY_SOCKET;
  if (socket === undefined || socket === '') return NOBODY;
  const notify = (...words: string[]): Promise<unknown> =>
    exec.query('systemd-notify', words, { env: { NOTIFY_SOCKET: socket } });
  const watched = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  const limit = watched ? Number(env.WATCHDOG_USEC ?? 0) / 1000 : 0;
  return {
    ready: async () => void (await notify('--ready')),
    status: (text) => void notify(`--status=${text}`),
    stopping: () => void notify('STOPPING=1'),
    aliveEvery: limit > 0 ? limit / 2 : undefined,
    alive: () => void notify('WATCHDOG=1'),
    healthChanged: () => void exec.query('systemctl', ['start', '--no-block', HEALTH_UNIT]),
  };
}

const NOBODY: ServiceManager = {
  ready: async () => {},
  status() {},
  stopping() {},
  aliveEvery: undefined,
  alive() {},
  healthChanged() {},
};
