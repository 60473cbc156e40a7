// The progress of a run, as the lines of a log.

import { expect, it } from 'vitest';
import { createLoggedProgress } from '../../../src/cli/progress.ts';
import type { Log } from '../../../src/host/host.ts';
import type { RunEvent } from '../../../src/state/run.ts';

type Line = [level: string, message: string, fields: object | undefined];

function linesOf(events: readonly RunEvent[]): Line[] {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (message: string, fields?: Record<string, unknown>): void =>
      void lines.push([level, message, fields]);
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const progress = createLoggedProgress(log, 'boot');
  for (const event of events) progress.onEvent(event);
  progress.stop();
  return lines;
}

const STARTED: RunEvent = {
  type: 'step-started',
  at: 0,
  index: 0,
  step: 'build',
  text: 'build tenstorrent 2.9.0 for 6.12.1: no module is installed',
  release: '6.12.1',
};
const FIELDS = { kernel: '6.12.1', step: 'build', trigger: 'boot' };

it.each([
  ['done', 'info', 'built'],
  ['failed', 'error', 'error: no such header'],
  ['cancelled', 'info', 'stopped'],
] as const)('a step that is %s is a line with fields', (outcome, level, text) => {
  const ended: RunEvent = {
    type: 'step-ended',
    at: 1,
    index: 0,
    outcome,
    text,
    seconds: 12.34,
    release: '6.12.1',
  };
  const output: RunEvent = { type: 'output', at: 0, line: '  CC [M]  chardev.o' };
  expect(linesOf([STARTED, output, ended])).toEqual([
    ['info', STARTED.text, FIELDS],
    [level, `build tenstorrent 2.9.0 for 6.12.1: ${text} (12.3 s)`, { ...FIELDS, outcome }],
  ]);
});

it('the beginning and the end of a run are no lines', () => {
  const run: RunEvent[] = [
    { type: 'run-started', at: 0, trigger: 'boot', steps: 1 },
    { type: 'run-ended', at: 1, outcome: 'done' },
  ];
  expect(linesOf(run)).toEqual([]);
});
