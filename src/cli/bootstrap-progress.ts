// The progress of a bootstrap: a live line on a terminal, plain lines elsewhere, and all of it in the log.
import type { Happening } from '../bootstrap/bootstrap.ts';
import { type Terminal, truncate } from './terminal.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Milliseconds between two frames. */
const FRAME_TIME = 100;

export interface BootstrapProgress {
  onHappening(happening: Happening): void;
  stop(): void;
}

/**
 * @param log takes each line for the log; nothing for a dry run, which writes none
 * @param dryRun what would be done is the result, and goes to standard output
 */
export function bootstrapProgress(
  terminal: Terminal,
  log: (line: string) => void,
  dryRun: boolean,
): BootstrapProgress {
  let current: { text: string; detail: string; since: number } | undefined;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const erase = (): void => {
    if (terminal.live && !dryRun) terminal.raw('\r\x1b[2K');
  };
  const draw = (): void => {
    if (current === undefined) return;
    frame = (frame + 1) % FRAMES.length;
    const width = Math.min(terminal.width, process.stderr.columns || 80) - 1;
    const seconds = Math.round((Date.now() - current.since) / 1000);
    const time = ` (${seconds} s)`;
    const text = truncate(`${FRAMES[frame]} ${current.text}`, width - time.length);
    const detail = truncate(current.detail, Math.max(0, width - text.length - time.length - 2));
    terminal.raw(`\r\x1b[2K${text}${time}  ${terminal.style('dim', detail)}`);
  };
  const say = (line: string): void => {
    log(line);
    erase();
    if (dryRun) terminal.line(line);
    else terminal.raw(`${line}\n`);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    current = undefined;
    erase();
  };
  const mark = (style: 'green' | 'red' | 'yellow', text: string): string => terminal.style(style, text);

  return {
    stop,
    onHappening(happening) {
      switch (happening.type) {
        case 'step-already':
          say(`${mark('green', '✓')} ${happening.step.name}: ${happening.why}`);
          break;
        case 'step-begun': {
          const { step, why } = happening;
          log(`${step.name}: ${why}`);
          if (dryRun) terminal.line(`${step.name}: ${why}`);
          else if (!terminal.live) terminal.raw(`${step.name}: ${why}\n`);
          current = { text: step.name, detail: '', since: Date.now() };
          if (terminal.live && !dryRun) timer ??= setInterval(draw, FRAME_TIME);
          break;
        }
        case 'work': {
          const lines = happening.lines.map((line) => `    ${line}`);
          for (const line of lines) log(line);
          if (current !== undefined) current.detail = happening.lines[0] ?? '';
          if (dryRun) for (const line of lines) terminal.line(line);
          else if (!terminal.live) terminal.raw(`${lines[0] ?? ''}\n`);
          break;
        }
        case 'output':
          if (happening.shown) say(`        ${happening.line}`);
          else log(`        ${happening.line}`);
          if (current !== undefined && happening.line.trim() !== '') current.detail = happening.line.trim();
          break;
        case 'warning':
          say(`${mark('yellow', '!')} ${happening.text}`);
          break;
        case 'step-done':
          stop();
          say(`${mark('green', '✓')} ${happening.step.name} (${happening.seconds.toFixed(1)} s)`);
          break;
        case 'step-failed':
          stop();
          say(`${mark('red', '✗')} ${happening.step.name} (${happening.seconds.toFixed(1)} s)`);
          break;
      }
    },
  };
}
