// What the terminal can do, and text that fits it.
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Terminal {
  /** Columns; unlimited where the output is no terminal. */
  readonly width: number;
  /** A person watches: lines may be drawn again. */
  readonly live: boolean;
  style(style: Style | readonly Style[], text: string): string;
  /** Writes one line to standard output. */
  line(text?: string): void;
  /** Writes text to standard error as it is, for progress and errors. */
  raw(text: string): void;
}

/** Colour only on a terminal that can, and not under NO_COLOR. */
export function stdoutTerminal(): Terminal {
  const { stdout, stderr } = process;
  return {
    width: stdout.isTTY ? Math.max(40, stdout.columns || 80) : Number.POSITIVE_INFINITY,
    live: stderr.isTTY === true && process.env.TERM !== 'dumb',
    style: (style, text) =>
      styleText([...(typeof style === 'string' ? [style] : style)], text, { stream: stdout }),
    line: (text = '') => void stdout.write(`${text}\n`),
    raw: (text) => void stderr.write(text),
  };
}

/** Cuts a text to a width and marks the cut. */
export function truncate(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/**
 * Breaks a text into lines no longer than the width, at spaces. Words that are longer, such as paths, stay whole,
 * so that they can be copied.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** A duration in the coarsest unit that still says something: `9 s`, `12 min`, `3 h`, `5 days`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 36) return `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

export interface Column {
  readonly title: string;
  /** Columns with a higher number go first when the terminal is too narrow; 0 always stays. */
  readonly expendable: number;
}

/** A table whose columns are as wide as their cells; the last one takes what is left of the width. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): { head: string; lines: string[] } {
  let shown = columns.map((_, index) => index);
  const widthOf = (index: number): number =>
    Math.max(columns[index]?.title.length ?? 0, ...rows.map((row) => row[index]?.length ?? 0));
  const total = (): number => shown.reduce((sum, index) => sum + Math.min(widthOf(index), 24) + 2, 0);
  while (total() > width && shown.some((index) => (columns[index]?.expendable ?? 0) > 0)) {
    const worst = Math.max(...shown.map((index) => columns[index]?.expendable ?? 0));
    shown = shown.filter((index) => columns[index]?.expendable !== worst);
  }
  const format = (cells: readonly string[]): string => {
    const line = shown
      .map((index, place) => {
        const cell = cells[index] ?? '';
        return place === shown.length - 1 ? cell : cell.padEnd(widthOf(index) + 2);
      })
      .join('');
    return truncate(line.trimEnd(), width);
  };
  return { head: format(columns.map((column) => column.title)), lines: rows.map(format) };
}
