// Questions to a person at a terminal.
import { createInterface } from 'node:readline/promises';

/** Answered by return with the default, which is the letter in capitals. */
export async function askYesNo(question: string, usual: boolean, signal: AbortSignal): Promise<boolean> {
  // Where standard input has ended, by Ctrl-D or by a terminal that went away, nobody answers: that is a no.
  if (process.stdin.readableEnded) return false;
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  // It takes Ctrl-C for itself; whoever waits for the signal is to hear of it.
  reader.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const gone = new Promise<undefined>((done) => reader.once('close', () => done(undefined)));
  try {
    for (;;) {
      const asked = reader.question(`${question} [${usual ? 'Y/n' : 'y/N'}] `, { signal });
      const answer = (await Promise.race([asked.catch(unlessGone), gone]))?.trim().toLowerCase();
      if (answer === undefined) {
        process.stderr.write('\n');
        return false;
      }
      if (answer === '') return usual;
      if (/^y(es)?$/.test(answer)) return true;
      if (/^no?$/.test(answer)) return false;
    }
  } finally {
    reader.close();
  }
}

/** Ctrl-D rejects a question as an interruption does, with other words (node:internal/readline/interface). */
function unlessGone(error: Error): undefined {
  if (!error.message.includes('Ctrl+D')) throw error;
}

/** Whether somebody could answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}
