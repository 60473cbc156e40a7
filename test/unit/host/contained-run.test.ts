// A run in the machine's own PID namespace, on the real machine, asked by a process of its own.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createExec } from '../../../src/host/exec.ts';

const EXEC = join(import.meta.dirname, '../../../src/host/exec.ts');

/** What the run printed, how it ended, and how long it took. */
function runOpen(script: string, timeLimit: number): { lines: string[]; code: number; timedOut: boolean } {
  const ask = `const { createExec } = await import('${EXEC}');
    const lines = [];
    const { code, timedOut } = await createExec('/').run('sh', ['-c', ${JSON.stringify(script)}],
      { env: {}, timeLimit: ${timeLimit}, nice: 0, seesProcesses: true, onLine: (line) => lines.push(line) });
    console.log(JSON.stringify({ lines, code, timedOut }));`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', ask], {
    encoding: 'utf8',
    timeout: 15_000,
  });
  expect(ended.signal, ended.stderr).toBeNull();
  return JSON.parse(ended.stdout) as ReturnType<typeof runOpen>;
}

/** One that nobody has waited for yet is dead as well. */
function isThere(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a run that sees the processes of the machine', () => {
  it('can end one of them', async () => {
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    const gone = new Promise((resolve) => other.on('exit', (_, signal) => resolve(signal)));
    expect(runOpen(`kill ${other.pid}`, 10_000)).toMatchObject({ lines: [], code: 0 });
    expect(await gone).toBe('SIGTERM');
  });

  it('leaves nothing of its group behind, and does not wait for what holds on to its output', async () => {
    const { lines, code, timedOut } = runOpen('sleep 60 & echo $!', 10_000);
    expect({ code, timedOut }).toEqual({ code: 0, timedOut: false });
    // What was killed lets go of its output a moment before it is dead.
    await expect.poll(() => isThere(Number(lines[0]))).toBe(false);
  });

  it('ends with its command, though what has left its group keeps its output open', () => {
    const before = Date.now();
    const { lines, code, timedOut } = runOpen(
      'setsid sh -c "echo \\$\\$; exec sleep 8" & sleep 0.5; echo last; exit 3',
      20_000,
    );
    expect({ code, timedOut, last: lines.at(-1) }).toEqual({ code: 3, timedOut: false, last: 'last' });
    expect(Date.now() - before).toBeLessThan(5000);
    process.kill(Number(lines[0]), 'SIGKILL');
  });

  it('ends at its time limit, though what has left its group keeps its output open', () => {
    const before = Date.now();
    const { lines, timedOut } = runOpen('setsid sh -c "echo \\$\\$; exec sleep 8" & sleep 60', 700);
    expect(timedOut).toBe(true);
    expect(Date.now() - before).toBeLessThan(5000);
    process.kill(Number(lines[0]), 'SIGKILL');
  });

  it('is ended at its time limit, with its group', async () => {
    const { lines, timedOut } = runOpen('sleep 60 & echo $!; wait', 500);
    expect(timedOut).toBe(true);
    // What was killed lets go of its output a moment before it is dead.
    await expect.poll(() => isThere(Number(lines[0]))).toBe(false);
  });
});

describe('a run that gives way', () => {
  it.skipIf(!existsSync('/proc/self/autogroup')).each([false, true])(
    'does so to other sessions as well, by its scheduling group (sees the processes of the machine: %s)',
    async (seesProcesses) => {
      const lines: string[] = [];
      const onLine = (line: string): void => void lines.push(line);
      const options = { env: {}, timeLimit: 10_000, nice: 7, seesProcesses, onLine };
      await createExec('/').run('sh', ['-c', 'nice; cat /proc/self/autogroup'], options);
      const own = Math.min(19, getPriority() + 7);
      expect(lines).toEqual([String(own), expect.stringMatching(/ nice 7$/)]);
    },
  );
});
