// What is kept between runs, as a killed one leaves it.
import { expect } from 'vitest';
import type { Sandbox } from './sandbox.ts';

/**
 * A file that may go at any moment: of a hook, the kill meets the launcher; the program behind it is told to end, and
 * does so in good order a moment later.
 */
export async function readIfThere(sandbox: Sandbox, path: string): Promise<string | undefined> {
  return sandbox.read(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Whatever happened, the files that are kept can be read, and no draft of one is left as the file itself. */
export async function expectReadableRecords(sandbox: Sandbox): Promise<void> {
  for (const path of ['/var/lib/ttkmd/state.json', '/run/ttkmd/run.json']) {
    JSON.parse((await readIfThere(sandbox, path)) ?? 'null');
  }
  const kept = await readIfThere(sandbox, '/var/lib/ttkmd/history.jsonl');
  if (kept === undefined) return;
  const lines = kept.split('\n');
  expect(lines.pop()).toBe('');
  for (const line of lines) JSON.parse(line);
}
