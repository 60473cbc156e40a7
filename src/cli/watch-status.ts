// `ttkmdctl status --watch`: the screen of `status`, drawn again whenever something happens.
import { followSocket } from '../host/call-socket.ts';
import { EXIT } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { nobodyReads } from '../host/lost-output.ts';
import { interruptible } from '../host/signals.ts';
import { cardsOf, look } from '../reconcile/look.ts';
import { STATUS_SOCKET } from '../reconcile/publish-status.ts';
import { followEvents, type RunEvent, runUnderWay } from '../state/run.ts';
import { type GlobalOptions, openContext } from './context.ts';
import { renderStatus } from './render-status.ts';
import type { Terminal } from './terminal.ts';

/** How often is looked where no daemon tells what happens, in milliseconds. */
const LOOK_EVERY = 2000;

/** Back to the upper left corner, with nothing below. */
const CLEAR = '\x1b[H\x1b[2J';

/** Runs until it is interrupted, which is how it is meant to end. */
export async function watchStatus(options: GlobalOptions): Promise<number> {
  const signal = AbortSignal.any([interruptible().signal, nobodyReads()]);
  let due = true;
  let doing = '';
  let wake = (): void => {};
  const onEvent = (event: RunEvent | { readonly type: 'health' }): void => {
    if (event.type === 'step-started') doing = event.text;
    if (event.type === 'run-ended') doing = '';
    due ||= event.type !== 'output';
    if (due) wake();
  };
  signal.addEventListener('abort', () => wake());

  const { host } = openContext(options);
  void follow(host, onEvent, signal, () => onEvent({ type: 'health' }));
  let last = '';
  while (!signal.aborted) {
    if (due) {
      due = false;
      last = await draw(options, doing, last);
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return EXIT.ok;
}

/** Draws where something is different; gives what was drawn. */
async function draw(options: GlobalOptions, doing: string, last: string): Promise<string> {
  // The settings may be other ones than a moment ago.
  const { host, config, configWarnings, terminal } = openContext(options);
  const judgement = await look(host, { config, configWarnings, holders: 'always' });
  const run = runUnderWay(host.fs);
  const now = run === undefined || doing === '' ? [] : ['', `  now: ${doing}`];
  const text = [...renderStatus(judgement, run, cardsOf(host, judgement), terminal), ...now].join('\n');
  if (text !== last) show(terminal, text);
  return text;
}

function show(terminal: Terminal, text: string): void {
  if (process.stdout.isTTY) process.stdout.write(CLEAR);
  terminal.line(text);
  if (!process.stdout.isTTY) terminal.line();
}

/** The daemon tells what happens; where none runs, the file of events and a look every so often do. */
async function follow(
  host: Host,
  onEvent: (event: RunEvent) => void,
  signal: AbortSignal,
  onTick: () => void,
): Promise<void> {
  try {
    const onLine = (line: string): void => onEvent(JSON.parse(line) as RunEvent);
    await followSocket(host.fs.outer(STATUS_SOCKET), '/events', onLine, signal);
  } catch {
    // No daemon, or one that went.
  }
  if (signal.aborted) return;
  const timer = setInterval(onTick, LOOK_EVERY);
  await followEvents(host, onEvent, signal);
  clearInterval(timer);
}
