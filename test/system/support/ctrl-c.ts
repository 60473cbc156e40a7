// Ctrl-C at a terminal: what the command says to it, how soon it is gone, and what of it goes on.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Place, Pty } from './pty.ts';
import type { AliveProcess } from './sandbox-options.ts';

interface Interrupted {
  readonly code: number;
  /** All that the terminal showed. */
  readonly screen: string;
  /** Milliseconds from the key to the end. */
  readonly took: number;
  /** What runs on when the command has ended, and its terminal has not. */
  readonly left: readonly string[];
}

export interface CtrlC {
  readonly env?: Readonly<Record<string, string>>;
  /** What the terminal shows when the moment comes. */
  readonly words: string;
  /** What is in the command line of a process that runs by then. */
  readonly runs?: string;
  /** What else comes before the key is pressed. */
  readonly until?: Promise<unknown>;
  /** Milliseconds more. */
  readonly ms?: number;
}

/** Milliseconds until a process runs, on a busy machine. */
const LIMIT = 180_000;
const LOOK = 20;

interface Watched extends Place {
  processes(): AliveProcess[];
}

/** The shell that the terminal belongs to, and lives on with it. */
const SHELL = 'trap : INT; ';
const ENDED = 'ended-with-';

/** Milliseconds from the key to the end, on a busy machine. */
const AT_ONCE = 10_000;

/**
 * It ends at once, says so, and nothing of it goes on.
 * @param argv a command, none of whose words needs quoting
 */
export async function expectInterrupted(
  place: Watched,
  argv: readonly string[],
  moment: CtrlC,
  limit = AT_ONCE,
): Promise<void> {
  const { code, screen, took, left } = await pressCtrlC(place, argv, moment);
  expect(code, screen).toBe(130);
  expect(screen).toContain('Interrupted.');
  expect(left, screen).toEqual([]);
  expect(took, screen).toBeLessThan(limit);
}

async function pressCtrlC(
  place: Watched,
  argv: readonly string[],
  { env = {}, words, runs, until, ms = 500 }: CtrlC,
): Promise<Interrupted> {
  const before = new Set(place.processes().map(({ pid }) => pid));
  const terminal = new Pty(place, [`${SHELL}${argv.join(' ')}; echo ${ENDED}$?; read -r line`], env);
  try {
    await terminal.until(words);
    if (runs !== undefined) await untilRuns(place, runs);
    await until;
    await sleep(ms);
    const start = Date.now();
    terminal.type('\x03');
    await terminal.until(ENDED);
    const took = Date.now() - start;
    // What was killed takes a moment to end.
    await sleep(200);
    const left = place
      .processes()
      .filter(({ pid, command }) => !before.has(pid) && !command.includes(SHELL))
      .map(({ command }) => command);
    const code = Number(/ended-with-(\d+)/.exec(terminal.screen)?.[1] ?? -1);
    return { code, screen: terminal.screen, took, left };
  } finally {
    terminal.close();
  }
}

async function untilRuns(place: Watched, words: string): Promise<void> {
  const end = Date.now() + LIMIT;
  const isIt = ({ command }: AliveProcess): boolean => command.includes(words) && !command.includes(SHELL);
  while (!place.processes().some(isIt)) {
    if (Date.now() > end) throw new Error(`${words} does not run`);
    await sleep(LOOK);
  }
}
