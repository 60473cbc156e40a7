// The admin's own programs: to write a mail when a build fails, to drain what uses the card before it is taken away.
import type { HostFs } from '../host/fs.ts';
import { HISTORY_PATH, readHistory, recordHistory } from '../state/history.ts';
import { findHooks, type HookName } from './hook-files.ts';
import type { Work } from './work.ts';

/** Milliseconds that all programs of one name have together. What drains a workload needs more than what rings a bell. */
export const HOOK_LIMITS = {
  'pre-reload': 300_000,
  'post-reload': 30_000,
  'build-failed': 30_000,
  'build-succeeded': 30_000,
} as const satisfies Record<HookName, number>;

/** Milliseconds where the run's own time is up: a machine that boots waits half a minute longer, and no more. */
const LATE_LIMIT = 5_000;
const MOST_LINES = 500;

/** What a hook finds in its environment, besides what every command gets; without the TTKMD_ in front. */
export interface HookFacts {
  readonly RELEASE: string;
  readonly VERSION: string;
  readonly REASON: string;
  readonly LOG?: string | undefined;
  readonly LOADED?: string | undefined;
  readonly OUTCOME?: 'done' | 'failed' | undefined;
  readonly DEVICES?: string | undefined;
}

/** How the programs of a name ended; undefined where there is none. */
export interface HookResult {
  /** What went wrong first; undefined where all ended well. */
  readonly trouble: string | undefined;
  /** The last line that was printed, by which a program says why it refuses. */
  readonly lastLine: string | undefined;
}

/**
 * Runs what the admin has put there for an event: an executable file of that name, or the executables in a folder of
 * that name, in the order of their names. As root, so only what root alone could have put there is run. What they
 * print goes into the log that the facts name and to whoever follows the run; how each ended, into the history.
 */
export async function runHooks(
  work: Work,
  name: HookName,
  facts: HookFacts,
): Promise<HookResult | undefined> {
  const { host } = work;
  const programs = findHooks(host.fs, name);
  if (programs.length === 0) return undefined;
  const until = host.clock.now() + (work.signal.aborted ? LATE_LIMIT : HOOK_LIMITS[name]);
  let result: HookResult = { trouble: undefined, lastLine: undefined };
  for (const { path, obstacle } of programs) {
    const at = host.clock.now();
    const lines: string[] = [];
    const trouble = obstacle ?? (await run(work, path, until, environment(work, name, facts), lines));
    const detail = trouble === undefined ? `${path} was told` : `${path} ${trouble}`;
    if (trouble !== undefined) host.log.warn(detail, { release: facts.RELEASE });
    writeDown(work, name, facts, { at, path, lines, detail, isTrouble: trouble !== undefined });
    result = {
      trouble: result.trouble ?? (trouble === undefined ? undefined : detail),
      lastLine: lines.findLast((line) => line.trim() !== '')?.trim() ?? result.lastLine,
    };
    // A refusal is a refusal: nobody else need be drained.
    if (trouble !== undefined && name === 'pre-reload') break;
  }
  return result;
}

function environment({ policy }: Work, name: HookName, facts: HookFacts): Record<string, string> {
  const given = Object.entries({ EVENT: name, ...facts, TRIGGER: policy.trigger });
  return Object.fromEntries(given.map(([key, value]) => [`TTKMD_${key}`, value ?? '']));
}

/** @returns how it went wrong; undefined where it ended well */
async function run(
  work: Work,
  path: string,
  until: number,
  env: Readonly<Record<string, string>>,
  lines: string[],
): Promise<string | undefined> {
  const { host, signal } = work;
  const timeLimit = until - host.clock.now();
  if (timeLimit <= 0) return 'was not run: those before it have used up the time';
  try {
    const ended = await host.exec.run(path, [], {
      env,
      timeLimit,
      nice: 0,
      // It may have to end the process that holds the card. What it leaves behind must not hold our lock.
      seesProcesses: true,
      // It is not to outlast a run that is over while it works; one that is over already has set its limit.
      ...(signal.aborted ? {} : { signal }),
      onLine(line) {
        if (lines.length < MOST_LINES) lines.push(line);
        work.onLine(line);
      },
    });
    if (ended.timedOut) return `was ended after ${Math.round(timeLimit / 1000)} s`;
    if (ended.cancelled) return 'was ended with the run';
    return ended.code === 0 ? undefined : `ended with ${ended.code ?? ended.signal}`;
  } catch (error) {
    return `could not be run: ${error instanceof Error ? error.message : String(error)}`;
  }
}

interface Ended {
  readonly at: number;
  readonly path: string;
  readonly lines: readonly string[];
  readonly detail: string;
  readonly isTrouble: boolean;
}

function writeDown(
  { host, policy, unwritten }: Work,
  name: HookName,
  facts: HookFacts,
  { at, path, lines, detail, isTrouble }: Ended,
): void {
  const { LOG: log, RELEASE: release, VERSION: version } = facts;
  if (log !== undefined) {
    const text = [`\n--- ${path}`, ...lines, `--- ${detail}\n`].join('\n');
    unwritten.attempt('build-log', log, () => host.fs.append(log, text));
  }
  const seconds = (host.clock.now() - at) / 1000;
  const said = log === undefined && lines.length > 0 ? `: ${lines.at(-1)}` : '';
  if (policy.trigger !== 'cli' && isRepeated(host.fs, name, facts, `${detail}${said}`)) return;
  unwritten.attempt('history', HISTORY_PATH, () =>
    recordHistory(host.fs, {
      at,
      seconds,
      outcome: isTrouble ? 'failed' : 'done',
      trigger: policy.trigger,
      step: `${name}-hook`,
      release,
      version,
      detail: `${detail}${said}`,
      log,
    }),
  );
}

/** A reload that is put off again and again asks again and again; what has changed since is worth an entry. */
function isRepeated(fs: HostFs, name: HookName, { RELEASE, VERSION }: HookFacts, detail: string): boolean {
  if (name !== 'pre-reload' && name !== 'post-reload') return false;
  const last = readHistory(fs).findLast(({ step }) => step === `${name}-hook`);
  return last?.detail === detail && last.release === RELEASE && last.version === VERSION;
}
