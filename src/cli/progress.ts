// The progress of a run: a live line on a terminal, plain lines in a log or a pipe.
import { lastMakeLine } from '../dkms/diagnose-progress.ts';
import type { Log } from '../host/host.ts';
import type { RunEvent } from '../state/run.ts';
import type { Trigger } from '../state/state.ts';
import { type Terminal, truncate } from './terminal.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Milliseconds between two frames of the live line. */
const FRAME_TIME = 100;

export interface Progress {
  onEvent(event: RunEvent): void;
  /** Takes the live line away. */
  stop(): void;
}

/** Progress lines go to standard error, so that standard output holds the result alone. */
export function createProgress(terminal: Terminal): Progress {
  let current: { text: string; since: number } | undefined;
  let detail = '';
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = (): void => {
    if (terminal.live) terminal.raw('\r\x1b[2K');
  };
  const draw = (): void => {
    if (current === undefined || !terminal.live) return;
    frame = (frame + 1) % FRAMES.length;
    const seconds = Math.round((Date.now() - current.since) / 1000);
    const line = withTime(`${FRAMES[frame]} ${current.text}`, ` (${seconds} s)`);
    terminal.raw(`\r\x1b[2K${truncate(detail === '' ? line : `${line}  ${detail}`, width())}`);
  };
  const width = (): number => Math.min(terminal.width, process.stderr.columns || 80) - 1;
  /** The time is seen on the narrowest terminal; the step gives way. */
  const withTime = (text: string, time: string): string => `${truncate(text, width() - time.length)}${time}`;
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    erase();
  };

  return {
    stop,
    onEvent(event) {
      switch (event.type) {
        case 'step-started':
          // Why it is done has room in a log only.
          current = { text: event.text.replace(/: .*/, ''), since: event.at };
          detail = '';
          if (terminal.live) timer ??= setInterval(draw, FRAME_TIME);
          else terminal.raw(`${event.text}\n`);
          break;
        case 'output':
          detail = lastMakeLine(event.line) ?? detail;
          break;
        case 'step-ended': {
          erase();
          const mark = event.outcome === 'done' ? '✓' : event.outcome === 'skipped' ? '–' : '✗';
          const time = ` (${event.seconds.toFixed(1)} s)`;
          const line = `${mark} ${current === undefined ? '' : `${current.text}: `}${event.text}`;
          terminal.raw(`${terminal.live ? withTime(line, time) : `${mark}   ${event.text}${time}`}\n`);
          current = undefined;
          break;
        }
        case 'run-started':
          break;
        case 'run-ended':
          stop();
          break;
      }
    },
  };
}

/** Lines of a log, with the kernel, the step and what set it off as fields: what the journal can be asked for. */
export function createLoggedProgress(log: Log, trigger: Trigger): Progress {
  let current: { text: string; fields: Record<string, unknown> } | undefined;
  return {
    stop: () => {},
    onEvent(event) {
      if (event.type === 'step-started') {
        const fields = { kernel: event.release, step: event.step, trigger };
        current = { text: event.text.replace(/: .*/, ''), fields };
        log.info(event.text, fields);
      } else if (event.type === 'step-ended') {
        const level = event.outcome === 'failed' ? 'error' : 'info';
        const name = current === undefined ? '' : `${current.text}: `;
        log[level](`${name}${event.text} (${event.seconds.toFixed(1)} s)`, {
          ...current?.fields,
          outcome: event.outcome,
        });
        current = undefined;
      }
    },
  };
}
