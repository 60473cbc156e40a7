// `ttkmdctl load`, `unload` and `reload`: the driver in the running kernel, by hand, with one sentence each.
import { requireConfig } from '../config/load.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { interruptible } from '../host/signals.ts';
import { look } from '../reconcile/look.ts';
import type { DriverAction } from '../reconcile/plan.ts';
import { askedObstacle } from '../reconcile/plan-driver.ts';
import { type Report, reconcile } from '../reconcile/reconcile.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { createProgress } from './progress.ts';
import type { Terminal } from './terminal.ts';

export interface DriverCommandOptions extends GlobalOptions {
  /** Seconds to wait for another run. */
  readonly wait: number;
  /** Reload though the loaded driver could not be put back. */
  readonly force?: boolean;
}

/** Exit status 0 where it is as was asked, 1 where something is in the way, 6 where it was tried in vain. */
export async function driverCommand(action: DriverAction, options: DriverCommandOptions): Promise<number> {
  const { host, loaded, config, configWarnings, terminal } = openContext(options);
  if (host.machine.effectiveUser !== 0) {
    throw new TtkmdError(
      'not-root',
      `Root alone may ${action} the driver.`,
      `as root: ttkmdctl ${action}`,
      EXIT.rights,
    );
  }
  requireConfig(loaded);
  const { force = false } = options;
  const obstacle = askedObstacle(
    await look(host, { config, configWarnings, holders: 'always' }),
    action,
    force,
  );
  if (obstacle !== undefined) return refuse(terminal, action, obstacle);
  const progress = createProgress(terminal);
  const { signal, exitStatus } = interruptible();
  const report = await reconcile(host, {
    config,
    configWarnings,
    policy: {
      trigger: 'cli',
      only: undefined,
      force,
      retry: false,
      again: false,
      removed: false,
      driver: action,
    },
    dryRun: false,
    patience: options.wait * 1000,
    signal,
    makeOptions: undefined,
    onEvent(event) {
      progress.onEvent(event);
      // What the admin's programs print while they drain.
      if (event.type === 'output') terminal.raw(`${terminal.live ? '\r\x1b[2K' : ''}  ${event.line}\n`);
    },
    onWait: () => terminal.raw('waiting for another run of ttkmd to end\n'),
  }).finally(progress.stop);
  return report.outcome === 'cancelled' ? exitStatus() : conclude(terminal, action, report, force);
}

function conclude(terminal: Terminal, action: DriverAction, report: Report, force: boolean): number {
  for (const { message, hint } of report.unwritten) terminal.raw(`${message}\n  → ${hint}\n`);
  if (report.outcome === 'nothing-to-do') {
    // Another run may have come first, and somebody have opened the device.
    const obstacle = askedObstacle(report.after, action, force);
    if (obstacle !== undefined) return refuse(terminal, action, obstacle);
    const { loaded } = report.after.driver;
    terminal.line(
      loaded === undefined ? 'no driver is loaded' : `tenstorrent ${loaded.version ?? ''} is loaded already`,
    );
    return EXIT.ok;
  }
  const last = report.done.at(-1);
  if (last === undefined) return EXIT.ok;
  if (last.outcome === 'done') {
    terminal.line(last.text);
    return EXIT.ok;
  }
  terminal.raw(`${last.text}\n${last.hint === undefined ? '' : `  → ${last.hint}\n`}`);
  return last.outcome === 'skipped' ? EXIT.unhealthy : EXIT.stepFailed;
}

function refuse(
  terminal: Terminal,
  action: DriverAction,
  { text, hint }: { readonly text: string; readonly hint: string },
): number {
  terminal.raw(`not ${action}ed: ${text}\n  → ${hint}\n`);
  return EXIT.unhealthy;
}
