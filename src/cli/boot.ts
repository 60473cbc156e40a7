// `ttkmdctl boot`: what ttkmd-boot runs when the machine starts. The driver of the running kernel, loaded.
import { observeDevices } from '../driver/devices.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { interruptible } from '../host/signals.ts';
import { isTaken, own, unclaimed } from '../reconcile/drivable.ts';
import { type Report, reconcile } from '../reconcile/reconcile.ts';
import { isOfHugepages } from '../reconcile/step.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { createLoggedProgress, createProgress, type Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** Milliseconds for a build to end in good order once its time is up. */
const GRACE = 30_000;

/** Milliseconds that systemd is asked for on top, so that it is always us who give up first. */
const MARGIN = 60_000;

/**
 * Exit status 0 where the driver is loaded or nothing here needs it, 1 where it is not.
 * @throws TtkmdError where rights are missing
 */
export async function boot(options: GlobalOptions): Promise<number> {
  const context = openContext(options);
  const { host, config, terminal } = context;
  if (host.machine.chrooted) {
    terminal.line('nothing to load: this system is looked at from outside or in a chroot');
    return EXIT.ok;
  }
  if (host.machine.effectiveUser !== 0) {
    throw new TtkmdError(
      'not-root',
      'Building and loading the driver needs root.',
      'as root: ttkmdctl boot. Whether it is loaded: ttkmdctl status',
      EXIT.rights,
    );
  }
  const limit = config.boot.timeLimit;
  const askedFor = extendStartTime(context, limit + GRACE + MARGIN);
  // What hangs in the kernel ends for no signal; the boot goes on all the same.
  const last = setTimeout(() => {
    terminal.raw(`gave up after ${Math.round((limit + GRACE) / 1000)} s: boot.time_limit is over\n`);
    process.exit(EXIT.unhealthy);
  }, limit + GRACE);
  const timeIsUp = AbortSignal.timeout(limit);
  try {
    for (const { place, message } of context.configWarnings) terminal.raw(`${place}: ${message}\n`);
    const report = await attempt(context, timeIsUp);
    await askedFor;
    return conclude(context, timeIsUp.aborted ? 'late' : report);
  } finally {
    clearTimeout(last);
  }
}

/** Whatever goes wrong is said and stops nothing: the driver may be there all the same. */
async function attempt(context: Context, timeIsUp: AbortSignal): Promise<Report | undefined> {
  const { host, config, configWarnings, terminal } = context;
  const progress = await progressFor(context);
  try {
    return await reconcile(host, {
      config,
      configWarnings,
      policy: {
        trigger: 'boot',
        only: host.machine.runningRelease,
        force: false,
        retry: false,
        again: false,
        removed: false,
      },
      dryRun: false,
      patience: config.boot.timeLimit,
      signal: AbortSignal.any([timeIsUp, interruptible().signal]),
      makeOptions: undefined,
      onEvent: progress.onEvent,
      onWait: () => terminal.raw('waiting for another run of ttkmd to end\n'),
    });
  } catch (error) {
    const { message } = error as Error;
    terminal.raw(`${message}\n${error instanceof TtkmdError ? `  → ${error.hint}\n` : ''}`);
    return undefined;
  } finally {
    progress.stop();
  }
}

async function progressFor({ config, terminal }: Context): Promise<Progress> {
  const journal = process.env.JOURNAL_STREAM;
  if (journal === undefined || journal === '') return createProgress(terminal);
  const { createProcessLog } = await import('../host/process-log.ts');
  const { level, format } = config.log;
  return createLoggedProgress(createProcessLog({ level, format, journal }), 'boot');
}

function conclude({ host, config, terminal }: Context, report: Report | 'late' | undefined): number {
  const loaded = observeLoaded(host.fs);
  if (loaded !== undefined) {
    terminal.line(`tenstorrent ${loaded.version ?? ''} is loaded`.replace('  ', ' '));
    return concludeLoaded(terminal, report);
  }
  const devices = observeDevices(host.fs, config.devices.extra);
  const waiting =
    report === undefined || report === 'late'
      ? own(devices).filter((device) => device.driver === undefined && isTaken(device, undefined))
      : unclaimed(report.after.observation);
  if (waiting.length === 0) {
    const others =
      devices.length === 0
        ? 'there is no device'
        : 'its devices are given to other drivers, or are none that it takes';
    terminal.line(`tenstorrent is not loaded, and need not be: ${others}`);
    return EXIT.ok;
  }
  terminal.raw('tenstorrent is NOT loaded, although a device is there\n');
  for (const { text, hint } of reasons(report)) terminal.raw(`${text}\n  → ${hint}\n`);
  return EXIT.unhealthy;
}

/** A driver without a card is worth as much as none; with one of two, the machine has something to work with. */
function concludeLoaded(terminal: Terminal, report: Report | 'late' | undefined): number {
  if (report === undefined || report === 'late') return EXIT.ok;
  const left = report.after.problems.find(({ code }) => code === 'device-not-driven');
  if (left === undefined) return EXIT.ok;
  terminal.raw(`${left.message}\n  → ${left.hint}\n`);
  return left.severity === 'failed' ? EXIT.unhealthy : EXIT.ok;
}

/** What failed just now, or what stands in the way since earlier; the driver needs no hugepages to be loaded. */
function reasons(report: Report | 'late' | undefined): { text: string; hint: string }[] {
  if (report === undefined) return [];
  if (report === 'late') {
    return [
      {
        text: 'boot.time_limit was over before the driver was built',
        hint: 'the daemon goes on with it, and so does: ttkmdctl reconcile; the next boot waits longer if boot.time_limit says so',
      },
    ];
  }
  const failed = report.done.filter(
    ({ outcome, step }) => (outcome === 'failed' || outcome === 'cancelled') && !isOfHugepages(step),
  );
  if (failed.length > 0) {
    return failed.map(({ text, hint }) => ({ text, hint: hint ?? 'try again: ttkmdctl reconcile' }));
  }
  return report.after.problems
    .filter(({ severity, code }) => severity !== 'note' && !code.startsWith('hugepages-'))
    .map(({ message, hint }) => ({ text: message, hint }));
}

/** The unit's own limit is for the default of boot.time_limit; an admin may have given more (sd_notify(3)). */
async function extendStartTime({ host }: Context, ms: number): Promise<void> {
  const socket = process.env.NOTIFY_SOCKET;
  if (socket === undefined) return;
  await host.exec.query('systemd-notify', [`EXTEND_TIMEOUT_USEC=${ms * 1000}`], {
    env: { NOTIFY_SOCKET: socket },
    timeLimit: 5000,
  });
}
