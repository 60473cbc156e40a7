// A guest's serial console, with somebody before it: what firmware and boot loader show, and the keys that they get.

import type { Duplex } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';

export const KEYS = { down: '\x1b[B', enter: '\r' } as const;

export class Console {
  readonly #stream: Duplex;
  #seen = '';
  #look: () => void = () => {};

  constructor(stream: Duplex) {
    this.#stream = stream;
    // A guest that is gone breaks the line; whoever waits hears of it by QEMU's end.
    stream.on('error', () => {});
    stream.setEncoding('latin1').on('data', (text: string) => {
      this.#seen += text;
      this.#look();
    });
  }

  /** Waits until a text is shown that nobody has waited for before; what came before it counts no more. */
  shows(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        const plain = stripVTControlCharacters(this.#seen);
        const at = plain.indexOf(text);
        if (at < 0) return;
        this.#seen = plain.slice(at + text.length);
        this.#look = () => {};
        resolve();
      };
      this.#look();
    });
  }

  type(...keys: readonly string[]): void {
    this.#stream.write(keys.join(''), 'latin1');
  }
}
