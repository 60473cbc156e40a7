// The daemon: hears, waits, has others work, and tells. It holds no lock and touches no module.
import type { Config } from '../config/config.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import type { OwnCommand } from '../host/own-command.ts';
import { type ServedSocket, serveSocket, socketAnswers } from '../host/serve.ts';
import { STATUS_FILE, STATUS_SOCKET } from '../reconcile/publish-status.ts';
import { readHistory } from '../state/history.ts';
import { RESTLESS_FILE } from '../state/restless.ts';
import { runUnderWay } from '../state/run.ts';
import { ordersApi, readingApi } from './api.ts';
import { createEyes, type Eyes } from './eyes.ts';
import { createListeners, type Listeners } from './listeners.ts';
import { createPublisher, type Publisher } from './publish.ts';
import { startPulse } from './pulse.ts';
import type { ServiceManager } from './service-manager.ts';
import { createWorker, type Worker } from './worker.ts';

const CONTROL_SOCKET = '/run/ttkmd/control.sock';

/** How often all is looked at where nothing can be heard, in milliseconds. */
const BLIND_RESYNC = 5 * 60_000;

/** An answer may be as old as this, in milliseconds: that a driver is loaded changes no file that is watched. */
const FRESH = 2000;

/** How long the daemon gives itself to answer its own question, in milliseconds. */
const PULSE_LIMIT = 5000;

export interface DaemonParts {
  readonly host: Host;
  readonly manager: ServiceManager;
  /** Reads the settings anew, and says what is wrong with them. */
  readonly readConfig: () => Config;
  readonly startCommand: (args: readonly string[]) => OwnCommand;
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
    worker.hear({ type: 'changed' });
  };
  const listeners = createListeners(host);
  const publisher = createPublisher(host.log, manager, listeners.tell);
  const eyes = createEyes(host, (topic) => {
    if (topic === 'settings') reload();
    else if (topic === 'kernels') worker.hear({ type: 'changed' });
    // The daemon's own children tell what they did.
    else if (worker.idle && runUnderWay(host.fs) === undefined) worker.hear({ type: 'other-run-ended' });
  });
  const worker = createWorker({
    host,
    publisher,
    startCommand,
    listen: eyes.refresh,
    timing: () => ({
      settle: config.watch.settle,
      resync: eyes.open ? config.watch.resync : Math.min(config.watch.resync, BLIND_RESYNC),
    }),
  });

  const sockets = await openSockets(host, config.control.group, { worker, publisher, listeners, reload });
  await eyes.refresh();
  parts.onReload(reload);
  await manager.ready();
  const answers = (): Promise<boolean> => socketAnswers(STATUS_SOCKET, PULSE_LIMIT);
  const pulse = startPulse({ manager, worker, answers });
  host.log.info('watching for kernels');
  worker.hear({ type: 'time' });

  await stopped(stop);
  manager.stopping();
  clearInterval(pulse);
  await shutDown(worker, eyes, sockets);
  // Nobody keeps it up to date from here on.
  for (const path of [STATUS_FILE, RESTLESS_FILE]) host.fs.remove(path);
  host.log.info('stopped');
  return EXIT.ok;
}

interface Served {
  readonly worker: Worker;
  readonly publisher: Publisher;
  readonly listeners: Listeners;
  readonly reload: () => void;
}

async function openSockets(host: Host, groupName: string, served: Served): Promise<ServedSocket[]> {
  const { worker, publisher, listeners, reload } = served;
  const status = async (): Promise<string> => {
    if (host.clock.now() - publisher.at > FRESH) await worker.refresh();
    return host.fs.readText(STATUS_FILE) ?? '{}\n';
  };
  const history = (most: number): readonly unknown[] => (most === 0 ? [] : readHistory(host.fs).slice(-most));
  const { request, cancel } = worker;
  return [
    await serveSocket({
      path: STATUS_SOCKET,
      mode: 0o666,
      answer: readingApi({ status, history, follow: listeners.add }),
    }),
    await serveSocket({
      path: CONTROL_SOCKET,
      mode: 0o660,
      group: await groupNumber(host, groupName),
      answer: ordersApi({ request, cancel, reload }),
    }),
  ];
}

async function shutDown(worker: Worker, eyes: Eyes, sockets: readonly ServedSocket[]): Promise<void> {
  await worker.end();
  await eyes.close();
  await Promise.all(sockets.map((socket) => socket.close()));
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** The group's number from the system's own databases; undefined, and said, where there is no such group. */
async function groupNumber(host: Host, name: string): Promise<number | undefined> {
  const { stdout } = await host.exec.query('getent', ['group', name]);
  const number = stdout.split(':')[2];
  if (number !== undefined && /^\d+$/.test(number)) return Number(number);
  host.log.info(`there is no group ${name}: ${CONTROL_SOCKET} is for root alone`);
  return undefined;
}

function alreadyRunning(): TtkmdError {
  return new TtkmdError(
    'daemon-runs',
    `Another daemon runs already and answers on ${STATUS_SOCKET}.`,
    'See it: ttkmdctl service status; or stop it first.',
    EXIT.locked,
  );
}
