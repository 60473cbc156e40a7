// Where the hooks of kernel installers enter: one kernel, at once, and never a reason for them to fail.
import { type ConfigProblem, loadConfig, type SettingValue } from '../config/load.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import { localHost } from '../host/local-host.ts';
import { reconcile } from '../reconcile/reconcile.ts';
import { timeIsUp } from '../reconcile/target.ts';
import { leaveForElog } from './elog.ts';
import {
  describeArrival,
  describeDeparture,
  describeStrictness,
  formatMessage,
  type Message,
} from './messages.ts';
import { dealtWithBefore, forgetTold, rememberTold } from './told.ts';
import { readEvent, type Way } from './way.ts';

/**
 * Acts on a kernel that came or went. Problems are printed where the admin is looking.
 * @returns 0, or 6 where `hook.on_failure = fail` asks for that; never 77, which ends a kernel-install early
 */
export async function kernelEvent(
  way: Way,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const style =
    way === 'preinst.d' || way === 'postinst.d' || env.EBUILD_PHASE !== undefined ? 'gentoo' : 'plain';
  const wordy = env.KERNEL_INSTALL_VERBOSE === '1' || way === 'kernel-install' || way === 'preinst.d';
  const say = (message: Message): void => {
    if (message.quiet && !wordy) return;
    const stream = message.tone === 'bad' ? process.stderr : process.stdout;
    for (const line of formatMessage(message, style)) stream.write(`${line}\n`);
  };
  const event = readEvent(way, args);
  if (event === undefined) {
    say({ tone: 'bad', text: `nothing done: called with unknown arguments (${args.join(' ')})` });
    return EXIT.ok;
  }
  if (event.action === 'ignore') return EXIT.ok;
  const host = localHost('/');
  let strict: Message | undefined;
  const failed = (): number => {
    if (strict === undefined) return EXIT.ok;
    say(strict);
    return EXIT.stepFailed;
  };
  try {
    const loaded = loadConfig(host.fs);
    if (loaded.config.hook.onFailure === 'fail') strict = describeStrictness(placeOf(loaded.values));
    const removed = event.action === 'remove';
    const again = !removed && dealtWithBefore(host, way, event.release);
    if (!again) for (const problem of loaded.problems) say(configMessage(problem));
    const { timeLimit } = loaded.config.hook;
    const signal = AbortSignal.any([AbortSignal.timeout(timeLimit), endSignal()]);
    const report = await reconcile(host, {
      config: loaded.config,
      configWarnings: [],
      policy: {
        trigger: 'kernel-event',
        only: event.release,
        force: false,
        retry: false,
        again,
        removed,
      },
      dryRun: false,
      patience: timeLimit,
      signal,
      makeOptions: env.MAKEOPTS,
      onEvent() {},
      onWait: () => say({ tone: 'plain', text: 'waiting for another run of ttkmd to end' }),
    });
    const message = removed
      ? describeDeparture(event.release, report)
      : describeArrival(event.release, report, { again, isLate: timeIsUp(signal) });
    if (message !== undefined) {
      say(message);
      // An earlier hook of this installation has left it already.
      if (message.tone === 'bad' && !again) leaveForElog(host.fs, env, message);
    }
    for (const record of report.unwritten) {
      say({ tone: 'bad', text: record.message, hint: record.hint });
    }
    if (removed) forgetTold(host);
    else rememberTold(host, way, event.release);
    return message?.tone === 'bad' ? failed() : EXIT.ok;
  } catch (error) {
    const { message, hint } = inWords(error);
    const failure: Message = {
      tone: 'bad',
      text: `tenstorrent for ${event.release} ... FAILED: ${message}`,
      hint,
    };
    say(failure);
    leaveForElog(host.fs, env, failure);
    return failed();
  }
}

function configMessage({ file, line, message, hint }: ConfigProblem): Message {
  const place = line === undefined ? file : `${file}:${line}`;
  return { tone: 'bad', text: `${place}: ${message}; the default counts`, hint };
}

/** Where `hook.on_failure` was set. */
function placeOf(values: readonly SettingValue[]): string {
  return (
    values.find(({ section, key }) => section === 'hook' && key === 'on_failure')?.source ??
    '/etc/ttkmd/ttkmd.conf'
  );
}

function endSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

function inWords(error: unknown): { message: string; hint: string } {
  if (error instanceof TtkmdError) return { message: error.message, hint: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  return { message, hint: 'when that is mended, as root: ttkmdctl reconcile' };
}
