// A person at a terminal: a real one, by script(1), in which a command asks and somebody types.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds between two looks at what was printed. */
const LOOK = 50;

/** Milliseconds that a word or the end may take. */
const LIMIT = 180_000;

/** Where a command can be started: a fresh root, a sandbox. */
export interface Place {
  spawn(argv: readonly string[], options: { env?: Record<string, string> }): ChildProcess;
}

export class Pty {
  readonly #child: ChildProcess;
  /** All that the terminal shows, with its escapes. */
  screen = '';
  #read = 0;

  /** @param words a command, none of whose words needs quoting */
  constructor(place: Place, words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    // It tells the end of its command, and nothing of what goes on is kept in a file.
    const script = ['script', '--quiet', '--return', '--command', words.join(' '), '/dev/null'];
    this.#child = place.spawn(script, { env: { TERM: 'xterm', ...env } });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.screen += text;
    });
  }

  /** Waits until the command has said something that it had not said before the last answer. */
  async until(words: string): Promise<void> {
    const end = Date.now() + LIMIT;
    for (;;) {
      const place = this.screen.indexOf(words, this.#read);
      if (place >= 0) {
        this.#read = place + words.length;
        return;
      }
      if (this.#child.exitCode !== null)
        throw new Error(`it ended with ${this.#child.exitCode} without "${words}":\n${this.screen}`);
      if (Date.now() > end) throw new Error(`it does not say "${words}":\n${this.screen}`);
      await sleep(LOOK);
    }
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** The window is closed. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  /** @returns the command's exit status */
  async ended(): Promise<number> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode ?? -1;
  }
}
