// What the daemon's children print, whether or not the status file can be written.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, '../../../src/main.ts');

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'publish-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function publish(): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(process.execPath, [MAIN, '--root', root, 'status', '--publish'], { encoding: 'utf8' });
}

it('a status that is published is in the file, and its digest on standard output', () => {
  const { stdout, stderr, status } = publish();
  expect(JSON.parse(stdout)).toMatchObject({ health: 'degraded', done: [] });
  expect(JSON.parse(readFileSync(join(root, 'run/ttkmd/status.json'), 'utf8'))).toMatchObject({ schema: 1 });
  expect({ stderr, status }).toEqual({ stderr: '', status: 1 });
});

it('where the file cannot be written, that is said in a line, and the digest is there all the same', () => {
  mkdirSync(join(root, 'run/ttkmd/status.json/in-the-way'), { recursive: true });
  const { stdout, stderr, status } = publish();
  expect(JSON.parse(stdout)).toMatchObject({ health: 'degraded', done: [] });
  expect(stderr).toMatch(
    /^the status could not be written for others to read: \/run\/ttkmd\/status\.json: .*\n$/,
  );
  expect(status).toBe(1);
});
