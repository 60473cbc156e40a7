// The daemon: hears, waits, has others work, and tells. It holds no lock and touches no module.
import type { Config } from '../config/config.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { OwnCommand } from '../host/own-command.ts';
import { socketAnswers } from '../host/serve.ts';
import { STATUS_FILE, STATUS_SOCKET } from '../reconcile/publish-status.ts';
import { announceDaemon, DAEMON_FILE } from '../state/daemon-process.ts';
import { readHistory } from '../state/history.ts';
import { RESTLESS_FILE } from '../state/restless.ts';
import { saveStuck } from '../state/stuck.ts';
import { ordersApi, type Readings, readingApi } from './api.ts';
import { createEyes, type Eyes } from './eyes.ts';
import { createListeners, type Listeners } from './listeners.ts';
import { createMountVigil, type WatchMount } from './mount-vigil.ts';
import { createPublisher, type Publisher } from './publish.ts';
import { startPulse } from './pulse.ts';
import { timingOf } from './schedule.ts';
import type { ServiceManager } from './service-manager.ts';
import { CONTROL_SOCKET, openSockets, type Sockets } from './sockets.ts';
import { createSoon } from './soon.ts';
import { createVigil } from './vigil.ts';
import { createWorker, type Worker } from './worker.ts';

/** An answer may be as old as this, in milliseconds: that a driver is loaded changes no file that is watched. */
const FRESH = 2000;

/** How long the daemon gives itself to answer its own question, in milliseconds. */
const PULSE_LIMIT = 5000;

/**
 * Whoever takes the folder away, or saves settings, is given so long to have done it, in milliseconds: an editor does
 * it in many steps, and a file that is written in place is half there in between.
 */
const MOMENT = 300;

export interface DaemonParts {
  readonly host: Host;
  readonly manager: ServiceManager;
  /** Reads the settings anew, and says what is wrong with them. */
  readonly readConfig: () => Config;
  readonly startCommand: (args: readonly string[]) => OwnCommand;
  readonly watchMount: WatchMount;
  /** Ends the daemon. */
  readonly stop: AbortSignal;
  /** Is given what is to be called whenever the settings are to be read anew. */
  readonly onReload: (reload: () => void) => void;
}

/**
 * Runs until it is told to stop.
 * @throws TtkmdError where another daemon runs; what the system says where the sockets cannot be made
 */
export async function runDaemon(parts: DaemonParts): Promise<number> {
  const { host, manager, stop, startCommand } = parts;
  if (await socketAnswers(STATUS_SOCKET, PULSE_LIMIT)) throw alreadyRunning();
  host.fs.makeFolder('/run/ttkmd', 0o755);
  // Left by a daemon that was killed: nobody knows what has come to rest since.
  host.fs.remove(RESTLESS_FILE);

  let config = parts.readConfig();
  const reload = (): void => {
    config = parts.readConfig();
    void sockets.regroup();
    worker.hear({ type: 'changed' });
  };
  const listeners = createListeners(host);
  const mounts = createMountVigil(parts.watchMount, () => worker.hear({ type: 'changed' }));
  const publisher = createPublisher(host.log, manager, listeners.tell, ({ mount }) => mounts.follow(mount));
  const eyes = createEyes(host, (topic) => {
    if (topic === 'settings') settings.ask();
    else if (topic === 'kernels') worker.hear({ type: 'changed' });
    else if (topic === 'served') sweep.ask();
    else vigil.look();
  });
  const worker = createWorker({
    host,
    publisher,
    startCommand,
    mostQuiet: () => config.build.timeLimit,
    onStuck: (command) => saveStuck(host.fs, command),
    async listen() {
      await sockets.restore();
      await eyes.refresh();
    },
    timing: () => timingOf(config, eyes.open),
  });

  const vigil = createVigil(host.fs, {
    isIdle: () => worker.idle,
    // They tell what they did.
    isOurs: (pid) => pid === worker.child,
    onEnd: () => worker.hear({ type: 'other-run-ended' }),
    onKilled: () => worker.hear({ type: 'changed' }),
  });

  const { request, cancel } = worker;
  const readings = readingsOf(host, worker, publisher, listeners);
  const sockets = await openSockets({
    host,
    groupName: () => config.control.group,
    reading: readingApi(readings),
    orders: ordersApi({
      request,
      cancel,
      reload,
      kernels: async () => releasesIn(await readings.status()),
      note: (order) => host.log.info(`asked over ${CONTROL_SOCKET}: ${order}`),
    }),
  });
  const settings = createSoon(MOMENT, reload);
  const sweep = createSoon(MOMENT, async () => {
    const isLost = await sockets.restore();
    if (isLost) announceDaemon(host.fs);
    if (isLost || !host.fs.exists(STATUS_FILE)) worker.hear({ type: 'other-run-ended' });
  });
  announceDaemon(host.fs);
  await eyes.refresh();
  parts.onReload(reload);
  await manager.ready();
  const answers = (): Promise<boolean> => socketAnswers(STATUS_SOCKET, PULSE_LIMIT);
  const pulse = startPulse({ manager, worker, answers });
  host.log.info('watching for kernels');
  worker.hear({ type: 'time' });
  // One may be under way already.
  vigil.look();

  await stopped(stop);
  manager.stopping();
  clearInterval(pulse);
  settings.end();
  sweep.end();
  vigil.end();
  mounts.end();
  await shutDown(worker, eyes, sockets);
  // Nobody keeps it up to date from here on.
  for (const path of [STATUS_FILE, RESTLESS_FILE, DAEMON_FILE]) host.fs.remove(path);
  host.log.info('stopped');
  return EXIT.ok;
}

function readingsOf(host: Host, worker: Worker, publisher: Publisher, listeners: Listeners): Readings {
  return {
    async status() {
      if (host.clock.now() - publisher.at > FRESH) await worker.refresh();
      return host.fs.readText(STATUS_FILE) ?? '{}\n';
    },
    history: (most) => (most === 0 ? [] : readHistory(host.fs).slice(-most)),
    follow: listeners.add,
  };
}

/** The kernels that a status document names. */
function releasesIn(status: string): string[] {
  const { kernels = [] } = JSON.parse(status) as {
    readonly kernels?: readonly { readonly release: string }[];
  };
  return kernels.map(({ release }) => release);
}

async function shutDown(worker: Worker, eyes: Eyes, sockets: Sockets): Promise<void> {
  await worker.end();
  await eyes.close();
  await sockets.close();
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function alreadyRunning(): TtkmdError {
  return new TtkmdError(
    'daemon-runs',
    `Another daemon runs already and answers on ${STATUS_SOCKET}.`,
    'See it: ttkmdctl service status; or stop it first.',
    EXIT.locked,
  );
}
