// Short commands, on the real machine, asked by a process of their own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const EXEC = join(import.meta.dirname, '../../../src/host/exec.ts');

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
