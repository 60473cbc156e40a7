// An exec that runs nothing: a script says what each command answers, every call is recorded.
import type { Exec, QueryOptions, RunOptions } from '../../../src/host/exec.ts';
import type { Host } from '../../../src/host/host.ts';

export interface RecordedCall {
  readonly kind: 'query' | 'run';
  readonly command: string;
  readonly args: readonly string[];
  /** Command and arguments with single spaces between them. */
  readonly line: string;
  readonly options: QueryOptions | RunOptions | undefined;
}

/** What a command did; a string is what it printed, ending with 0. */
export type ExecAnswer =
  | string
  | {
      readonly code?: number | undefined;
      /** Of a run, each line of it is given to `onLine`, and then those of stderr. */
      readonly stdout?: string | undefined;
      readonly stderr?: string | undefined;
      readonly signal?: string | undefined;
      readonly timedOut?: boolean | undefined;
      readonly cancelled?: boolean | undefined;
    };

/** May change the host, as the real command would, before it answers; undefined leaves it to the next rule. */
export type ExecFunction = (
  call: RecordedCall,
  host: Host,
) => ExecAnswer | undefined | Promise<ExecAnswer | undefined>;

export interface ExecRule {
  /** A whole command line, or the beginning of one up to a space; or a pattern for it. */
  readonly on: string | RegExp;
  readonly answer: ExecAnswer | ExecFunction;
}

/** Rules are tried in their order. */
export type ExecScript = ExecFunction | readonly ExecRule[];

export function scriptedExec(
  script: ExecScript | undefined,
  host: () => Host,
): Exec & { readonly calls: readonly RecordedCall[] } {
  const calls: RecordedCall[] = [];
  async function answer(call: RecordedCall): Promise<Exclude<ExecAnswer, string>> {
    calls.push(call);
    const found = await answerOf(script, call, host());
    if (found === undefined) throw new Error(`unexpected ${call.kind}: ${call.line}`);
    return typeof found === 'string' ? { stdout: found } : found;
  }
  return {
    calls,
    prepare() {},
    async query(command, args, options) {
      const found = await answer(record('query', command, args, options));
      return { code: found.code ?? 0, stdout: found.stdout ?? '', stderr: found.stderr ?? '' };
    },
    async run(command, args, options) {
      const found = await answer(record('run', command, args, options));
      for (const line of [...linesOf(found.stdout), ...linesOf(found.stderr)]) options.onLine(line);
      const ended = found.signal !== undefined || found.timedOut === true || found.cancelled === true;
      return {
        code: found.code ?? (ended ? undefined : 0),
        signal: found.signal ?? (ended ? 'SIGKILL' : undefined),
        timedOut: found.timedOut ?? false,
        cancelled: found.cancelled ?? false,
      };
    },
  };
}

function record(
  kind: RecordedCall['kind'],
  command: string,
  args: readonly string[],
  options: QueryOptions | RunOptions | undefined,
): RecordedCall {
  return { kind, command, args: [...args], line: [command, ...args].join(' '), options };
}

async function answerOf(
  script: ExecScript | undefined,
  call: RecordedCall,
  host: Host,
): Promise<ExecAnswer | undefined> {
  if (typeof script === 'function') return script(call, host);
  for (const rule of script ?? []) {
    if (!matches(rule.on, call.line)) continue;
    const found = typeof rule.answer === 'function' ? await rule.answer(call, host) : rule.answer;
    if (found !== undefined) return found;
  }
  return undefined;
}

function matches(on: string | RegExp, line: string): boolean {
  return typeof on === 'string' ? line === on || line.startsWith(`${on} `) : on.test(line);
}

function linesOf(text: string | undefined): string[] {
  if (!text) return [];
  return text.replace(/\n$/, '').split('\n');
}
