// Questions to a person at a terminal.
import { createInterface } from 'node:readline/promises';

/** Answered by return with the default, which is the letter in capitals. */
export async function askYesNo(question: string, usual: boolean, signal: AbortSignal): Promise<boolean> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  // It takes Ctrl-C for itself; whoever waits for the signal is to hear of it.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    for (;;) {
      const answer = (await reader.question(`${question} [${usual ? 'Y/n' : 'y/N'}] `, { signal }))
        .trim()
        .toLowerCase();
      if (answer === '') return usual;
      if (/^y(es)?$/.test(answer)) return true;
      if (/^no?$/.test(answer)) return false;
    }
  } finally {
    reader.close();
  }
}

/** Whether somebody could answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}
