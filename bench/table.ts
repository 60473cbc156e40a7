// The results as people read them.

import { styleText } from 'node:util';
import type { Row, Target } from './cases.ts';
import type { Times } from './clock.ts';

const HEAD = [
  '',
  'KERNELS',
  'OURS',
  'MS (MIN–MAX)',
  'THEIRS',
  'MS (MIN–MAX)',
  'RATIO (MIN–MAX)',
  'TARGET',
  '',
];

// Columns of numbers.
const TO_THE_RIGHT = new Set([1, 3, 5]);

export interface Verdict {
  /** Our median over theirs. */
  ratio: number;
  /** The same of single rounds, in which both ran one right after the other. */
  least: number;
  most: number;
  /** Undefined where there is no target. */
  reached?: boolean;
}

export function judge({ ours, theirs, target }: Row): Verdict {
  const ratio = ours.times.median / theirs.times.median;
  const rounds = ours.times.all.map((ms, index) => ms / (theirs.times.all[index] ?? Number.NaN));
  return {
    ratio,
    least: Math.min(...rounds),
    most: Math.max(...rounds),
    ...(target === undefined ? {} : { reached: ratio <= target.atMost }),
  };
}

export function render(rows: readonly Row[]): string[] {
  const cells = rows.map((row) => {
    const verdict = judge(row);
    return [
      row.what,
      String(row.kernels),
      row.ours.name,
      duration(row.ours.times),
      row.theirs.name,
      duration(row.theirs.times),
      `${ratio(verdict.ratio)} (${number(verdict.least)}–${number(verdict.most)})`,
      row.target === undefined ? '' : target(row.target),
      mark(row.target, verdict.reached),
    ];
  });
  const table = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  return table.map((line, index) => {
    const text = line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return TO_THE_RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
    return paint(text, index === 0 ? 'dim' : styleOf(text));
  });
}

/** Below a tenth, "so many times faster" says more than another zero. */
function ratio(value: number): string {
  return value < 0.1 ? `${number(value)}, 1/${Math.round(1 / value)}` : number(value);
}

function target({ atMost, aim }: Target): string {
  const limit = atMost < 0.1 ? `1/${Math.round(1 / atMost)}` : String(atMost);
  return aim ? `towards ${limit}` : `≤ ${limit}`;
}

function mark(target: Target | undefined, reached: boolean | undefined): string {
  if (target === undefined || reached === undefined) return '';
  if (reached) return '✓';
  return target.aim ? '· not yet' : '✗ MISSED';
}

function duration({ median, least, most }: Times): string {
  return `${median.toFixed(0)} (${least.toFixed(0)}–${most.toFixed(0)})`;
}

function number(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : 2);
}

function styleOf(line: string): 'green' | 'red' | 'yellow' | 'reset' {
  if (line.endsWith('✓')) return 'green';
  if (line.endsWith('MISSED')) return 'red';
  return line.endsWith('not yet') ? 'yellow' : 'reset';
}

function paint(text: string, style: 'green' | 'red' | 'yellow' | 'reset' | 'dim'): string {
  return style === 'reset' ? text : styleText(style, text, { stream: process.stdout });
}
