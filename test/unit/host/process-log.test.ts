// The log on a machine that has nothing left to log with.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const PROCESS_LOG = new URL('../../../src/host/process-log.ts', import.meta.url).href;

/** Takes all the descriptors that there are, and then writes to the journal, for which logger is a child. */
const SCRIPT = `
  const { openSync } = await import('node:fs');
  const { createProcessLog } = await import('${PROCESS_LOG}');
  const log = createProcessLog({ level: 'info', format: 'auto', journal: '1:1' });
  try {
    for (;;) openSync('/dev/null');
  } catch {
    log.error('out of descriptors');
  }
`;

it('an entry for the journal is a line of its own where descriptors ran out', () => {
  const run = ['-c', 'ulimit -n 64; "$0" --input-type=module -e "$1" 2>&1', process.execPath, SCRIPT];
  expect(execFileSync('sh', run, { encoding: 'utf8', stdio: 'pipe' })).toBe('<3>out of descriptors\n');
});
