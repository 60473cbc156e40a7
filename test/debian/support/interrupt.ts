// A command that is watched while it works, and Ctrl-C at a moment of its work.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FreshRoot, RunOptions } from '../../system/support/fresh-root.ts';

export interface Interrupted {
  readonly code: number;
  readonly stderr: string;
}

/** Milliseconds between two looks at whether the moment has come. */
const LOOK = 50;

export interface Started {
  readonly child: ChildProcess;
  /** What it has said on stderr so far. */
  readonly said: () => string;
  /** Its exit status, once all that it said is there; -1 where a signal ended it. */
  readonly ended: Promise<number>;
}

/** Starts a command and collects what it says. Its standard input stays open unless told, and nothing ever comes. */
export function start(
  root: FreshRoot,
  argv: readonly string[],
  { input, ...options }: RunOptions & { readonly input?: 'closed' } = {},
): Started {
  const child = root.spawn(argv, options);
  if (input === 'closed') child.stdin?.end();
  child.stdout?.resume();
  let said = '';
  child.stderr?.on('data', (piece: Buffer) => {
    said += piece.toString();
  });
  const ended = once(child, 'close').then(([code]) => Number(code ?? -1));
  return { child, said: () => said, ended };
}

/** Starts a command, waits until it has said the words and for a while more, and interrupts it as a terminal does. */
export async function interruptAfter(
  root: FreshRoot,
  argv: readonly string[],
  { words, ms, ...options }: RunOptions & { readonly words: string; readonly ms: number },
): Promise<Interrupted> {
  const { child, said, ended } = start(root, argv, { ...options, input: 'closed' });
  while (!said().includes(words) && child.exitCode === null) await sleep(LOOK);
  await sleep(ms);
  if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGINT');
  return { code: await ended, stderr: said() };
}
