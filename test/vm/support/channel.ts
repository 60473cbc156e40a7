// The host's end of the guest's agent (rootfs/common/usr/local/lib/guest/agent, which has the protocol).

import type { Readable, Writable } from 'node:stream';

export interface Answer {
  status: number;
  stdout: string;
  stderr: string;
}

export class Channel {
  readonly #output: Writable;
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  #received = '';
  #lastId = 0;
  /** What the guest's agent says when it is there: the kernel release that it runs on. */
  readonly hello: Promise<string>;
  #greet: (release: string) => void = () => {};

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    // A guest that is gone breaks the pipe; whoever waits hears of it by QEMU's end.
    output.on('error', () => {});
    input.setEncoding('latin1');
    input.on('data', (text: string) => this.#receive(text));
    this.hello = new Promise((resolve) => {
      this.#greet = resolve;
    });
  }

  /** Sends a request; the answer may never come, since guests are switched off and killed. */
  send(script: string, input: string): Promise<Answer> {
    this.#lastId += 1;
    const id = String(this.#lastId);
    this.#output.write(`${id} ${encode(script)} ${encode(input)}\n`);
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #receive(text: string): void {
    const lines = (this.#received + text).split('\n');
    this.#received = lines.pop() ?? '';
    for (const line of lines) {
      const [id = '', status = '', stdout = '', stderr = ''] = line.split(' ');
      if (id === 'hello') this.#greet(status);
      this.#waiting.get(id)?.({ status: Number(status), stdout: decode(stdout), stderr: decode(stderr) });
      this.#waiting.delete(id);
    }
  }
}

function encode(text: string): string {
  return text === '' ? '-' : Buffer.from(text, 'utf8').toString('base64');
}

function decode(text: string): string {
  return text === '-' ? '' : Buffer.from(text, 'base64').toString('utf8');
}
