// The log on a machine that has nothing left to log with.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openJournal } from '../../../src/host/journal.ts';

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

it('entries for the journal come in the order in which they were written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ttkmd-log-'));
  const said = join(folder, 'said');
  const logger = join(folder, 'logger');
  // The first entry takes it longest.
  const script = `#!/bin/sh\nread -r line\ncase $line in *0) sleep 0.3 ;; *) ;; esac\necho "$line" >>${said}\n`;
  writeFileSync(logger, script, { mode: 0o755 });
  try {
    const journal = openJournal(logger);
    const entries = [0, 1, 2, 3, 4].map((n) => `entry ${n}`);
    for (const entry of entries) journal(6, entry, {});
    const written = (): string => (existsSync(said) ? readFileSync(said, 'utf8') : '');
    await vi.waitFor(() => expect(written().split('\n')).toHaveLength(6), { timeout: 5000 });
    expect(written()).toBe(entries.map((entry) => `MESSAGE=${entry}\n`).join(''));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
