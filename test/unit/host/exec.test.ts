// Short commands, on the real machine, asked by a process of their own.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLock } from '../../../src/host/lock.ts';

const EXEC = join(import.meta.dirname, '../../../src/host/exec.ts');
const LOCK = join(import.meta.dirname, '../../../src/host/lock.ts');

describe('a query', () => {
  it.each<[string, string, string[], number, number]>([
    ['that answers', 'true', [], 60_000, 0],
    ['that fails', 'false', [], 60_000, 1],
    ['of a command that does not exist', '/nonexistent/command', [], 60_000, 127],
    // Node throws for it, as it does where there is no memory for another process.
    ['that cannot even be started', 'true', ['\0'], 60_000, 127],
    ['that takes too long', 'sleep', ['60'], 200, 137],
    ['whose offspring holds on to the output', 'sh', ['-c', 'sleep 15 & wait'], 200, 137],
  ])('%s keeps the program from ending no longer', (_, command, args, timeLimit, code) => {
    const ask = `const { createExec } = await import('${EXEC}');
      const { code } = await createExec('/').query(${JSON.stringify(command)}, ${JSON.stringify(args)}, { timeLimit: ${timeLimit} });
      console.log(code);`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', ask], {
      encoding: 'utf8',
      timeout: 8000,
    });
    expect(ended.stdout.trim(), ended.stderr).toBe(String(code));
    expect(ended.signal).toBeNull();
  });
});

it('a query that is given the lock keeps it until it has ended, though whoever asked was killed', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'ttkmd-')), 'lock');
  const ask = `const { createExec } = await import('${EXEC}');
    const { createLock } = await import('${LOCK}');
    const held = await createLock('${path}').acquire(0);
    void createExec('/').query('sleep', ['2'], { keepOpen: held.descriptor });
    console.log('asked');`;
  const asker = spawn(process.execPath, ['--input-type=module', '-e', ask], { stdio: ['ignore', 'pipe', 2] });
  await new Promise((asked) => asker.stdout?.once('data', asked));
  asker.kill('SIGKILL');
  await new Promise((gone) => asker.once('exit', gone));
  const lock = createLock(path);
  expect(await lock.acquire(0)).toBeUndefined();
  const held = await lock.acquire(10_000);
  expect(held).toBeDefined();
  held?.release();
});
