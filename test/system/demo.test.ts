// The demo's front door; the demo itself is a command of its own, which shows more than it proves.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { PROJECT } from './support/project.ts';

test('without root the demo says what it lacks', () => {
  const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const { status, stdout, stderr } = spawnSync('setpriv', [...asNobody, 'sh', 'scripts/demo.sh'], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([4, '']);
  expect(stderr).toMatch(/^the demo needs root, .*run it as root/);
});
