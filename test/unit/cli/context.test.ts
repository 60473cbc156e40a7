// What every command starts from.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openContext } from '../../../src/cli/context.ts';

it('says of each wrong setting which one it is, and where', () => {
  const root = mkdtempSync(join(tmpdir(), 'ttkmd-'));
  mkdirSync(join(root, 'etc/ttkmd'), { recursive: true });
  writeFileSync(join(root, 'etc/ttkmd/ttkmd.conf'), '[build]\njobs = many\n');
  expect(openContext({ root }).configWarnings).toEqual([
    {
      place: '/etc/ttkmd/ttkmd.conf:2',
      message: '[build] jobs: expected auto or a whole number from 1 to 1024, found "many"',
      hint: 'The default is jobs = auto',
    },
  ]);
});
