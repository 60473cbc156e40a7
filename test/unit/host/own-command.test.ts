// Starting the program again on a machine that has nothing left to start it with.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const OWN_COMMAND = new URL('../../../src/host/own-command.ts', import.meta.url).href;

/** Takes all the descriptors that there are, and then starts a command. */
const SCRIPT = `
  const { openSync } = await import('node:fs');
  const { startOwnCommand } = await import('${OWN_COMMAND}');
  process.argv[1] = '/dev/null';
  await startOwnCommand([]).ended;
  try {
    for (;;) openSync('/dev/null');
  } catch {
    const { code, stderr } = await startOwnCommand([]).ended;
    process.exitCode = /EMFILE/.test(stderr) ? code : 1;
  }
`;

it('a command that cannot be started for want of descriptors ends with 127, and says why', () => {
  const run = ['-c', 'ulimit -n 64; "$0" --input-type=module -e "$1"; echo "$?"', process.execPath, SCRIPT];
  expect(execFileSync('sh', run, { encoding: 'utf8', stdio: 'pipe' }).trim()).toBe('127');
});
