// Ctrl-C at a moment of a command's work.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FreshRoot, RunOptions } from '../../system/support/fresh-root.ts';

export interface Interrupted {
  readonly code: number;
  readonly stderr: string;
}

/** Milliseconds between two looks at whether the moment has come. */
const LOOK = 50;

/** Starts a command, waits until it has said the words and for a while more, and interrupts it as a terminal does. */
export async function interruptAfter(
  root: FreshRoot,
  argv: readonly string[],
  { words, ms, ...options }: RunOptions & { readonly words: string; readonly ms: number },
): Promise<Interrupted> {
  const child = root.spawn(argv, options);
  child.stdin?.end();
  child.stdout?.resume();
  let stderr = '';
  child.stderr?.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const closed = once(child, 'close');
  while (!stderr.includes(words) && child.exitCode === null) await sleep(LOOK);
  await sleep(ms);
  if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGINT');
  const [code] = await closed;
  return { code: Number(code ?? -1), stderr };
}
