// Starts the daemon on this machine, in the foreground.
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { localHost } from '../host/local-host.ts';
import { giveBackSoon } from '../host/memory.ts';
import { watchMount } from '../host/mount-watch.ts';
import { startOwnCommand } from '../host/own-command.ts';
import { createProcessLog } from '../host/process-log.ts';
import { interruptible } from '../host/signals.ts';
import { runDaemon } from './daemon.ts';
import { serviceManager } from './service-manager.ts';

/**
 * Runs until a signal ends it.
 * @param root has to be `/`
 * @throws TtkmdError where it may not or cannot run
 */
export async function startDaemon(root: string): Promise<number> {
  process.title = 'ttkmd';
  const plain = localHost(root);
  if (plain.root !== '/') {
    throw new TtkmdError(
      'root-given',
      'The daemon looks after the running system only.',
      'Leave --root out.',
      EXIT.usage,
    );
  }
  if (plain.machine.effectiveUser !== 0) {
    throw new TtkmdError(
      'not-root',
      'The daemon needs root.',
      'Start it as a service: as root: ttkmdctl service enable --now',
      EXIT.rights,
    );
  }
  const { config } = loadConfig(plain.fs);
  const log = createProcessLog({
    level: config.log.level,
    format: config.log.format,
    journal: process.env.JOURNAL_STREAM,
  });
  const host = localHost(root, log);
  const readConfig = (): Config => {
    const { config, problems } = loadConfig(host.fs);
    for (const { file, line, message, hint } of problems) {
      log.warn(`${line === undefined ? file : `${file}:${line}`}: ${message} → ${hint}`);
    }
    log.setLevel(config.log.level);
    return config;
  };
  return runDaemon({
    host,
    readConfig,
    manager: serviceManager(host.exec, process.env, process.pid),
    startCommand(args) {
      const command = startOwnCommand(args);
      void command.ended.then(giveBackSoon);
      return command;
    },
    watchMount,
    stop: interruptible(['SIGINT', 'SIGTERM']).signal,
    onReload: (reload) => void process.on('SIGHUP', reload),
  });
}
