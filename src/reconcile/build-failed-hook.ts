// The admin's own program for a driver that does not build: to write a mail, to ring a bell.
import { recordHistory } from '../state/history.ts';
import type { Outcome, Work } from './work.ts';

/** One executable file; it may hand on to as many others as the admin likes. */
export const HOOK_PATH = '/etc/ttkmd/hooks.d/build-failed';

/** Milliseconds. */
const TIME_LIMIT = 30_000;
const MOST_LINES = 500;

/**
 * Runs it as root, with what happened in its environment. What it prints goes into the build's log. However it
 * ends, the run goes on: that is written down, and nothing more.
 */
export async function runBuildFailedHook(
  work: Work,
  step: { readonly release: string; readonly version: string },
  { text, log }: Outcome,
): Promise<void> {
  const { host, policy } = work;
  if (host.fs.lstat(HOOK_PATH) === undefined) return;
  const at = host.clock.now();
  const lines: string[] = [];
  const trouble =
    obstacle(host) ??
    (await run(work, lines, {
      TTKMD_RELEASE: step.release,
      TTKMD_VERSION: step.version,
      TTKMD_REASON: text,
      TTKMD_LOG: log ?? '',
      TTKMD_TRIGGER: policy.trigger,
    }));
  const detail = trouble === undefined ? `${HOOK_PATH} was told` : `${HOOK_PATH} ${trouble}`;
  if (trouble !== undefined) host.log.warn(detail, { release: step.release });
  try {
    if (log !== undefined)
      host.fs.append(log, [`\n--- ${HOOK_PATH}`, ...lines, `--- ${detail}\n`].join('\n'));
    const outcome = trouble === undefined ? 'done' : 'failed';
    const seconds = (host.clock.now() - at) / 1000;
    recordHistory(host.fs, {
      at,
      seconds,
      outcome,
      trigger: policy.trigger,
      step: 'build-failed-hook',
      release: step.release,
      version: step.version,
      detail,
      log,
    });
  } catch {
    // A full disk, most likely, which the build has already told of.
  }
}

/** Why it is not run: as root, only what root alone could have put there is. */
function obstacle({ fs }: Work['host']): string | undefined {
  const file = fs.stat(HOOK_PATH);
  if (file?.kind !== 'file') return 'is not run: it is no file';
  if ((file.mode & 0o111) === 0) return 'is not run: it is not executable';
  const folder = fs.stat(HOOK_PATH.slice(0, HOOK_PATH.lastIndexOf('/')));
  for (const info of [file, folder]) {
    if (info === undefined) continue;
    const what = info === folder ? 'its folder' : 'it';
    if (info.user !== 0) return `is not run: ${what} belongs to user ${info.user}, not to root`;
    if ((info.mode & (info.group === 0 ? 0o002 : 0o022)) !== 0)
      return `is not run: others than root can write to ${what}`;
  }
  return undefined;
}

/** @returns how it went wrong; undefined where it ended well */
async function run(
  work: Work,
  lines: string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  try {
    const { code, signal, timedOut } = await work.host.exec.run(HOOK_PATH, [], {
      env,
      timeLimit: TIME_LIMIT,
      nice: 0,
      keepOpen: work.descriptor,
      onLine: (line) => void (lines.length < MOST_LINES && lines.push(line)),
    });
    if (timedOut) return `was ended after ${TIME_LIMIT / 1000} s`;
    return code === 0 ? undefined : `ended with ${code ?? signal}`;
  } catch (error) {
    return `could not be run: ${error instanceof Error ? error.message : String(error)}`;
  }
}
