// What fails under the daemon is not tried again for what the failing run itself has written.

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Daemon, hasDriver, quiet, settledMachine } from './support/daemon.ts';
import { fill } from './support/disk.ts';
import { history, modulePath, until } from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels } = parts();
const NEWER = '1.1.0-sample';

async function tries(sandbox: Sandbox) {
  return (await history(sandbox)).filter(({ step, version }) => step === 'build' && version === NEWER);
}

test('no room for a newer module: tried once, and again by whoever asks', async () => {
  await using sandbox = await settledMachine();
  const release = kernels.v61.gentooRelease;
  // A larger driver, which is to come into place by one rename: what is written bit by bit may be tried bit by bit.
  const folder = await sandbox.addDriver({ version: NEWER });
  const code = `${folder}/tenstorrent.c`;
  await sandbox.write(code, `${await sandbox.read(code)}static const char room[150000] __used = { 1 };\n`);
  await sandbox.run(['mv', folder, '/usr/src/.newer']);
  await using daemon = await Daemon.start(sandbox);
  await hasDriver(sandbox, release);
  await quiet(sandbox);
  const module = await modulePath(sandbox, release);
  const { size } = await stat(sandbox.path(module));
  // Room for what is kept meanwhile, not for the larger successor: depmod is run once more.
  await fill(sandbox, dirname(module), size + 32 * 1024);
  await sandbox.run(['mv', '/usr/src/.newer', folder]);
  await until('it was tried', async () => (await tries(sandbox)).length > 0);
  await quiet(sandbox);
  const first = await tries(sandbox);
  await sleep(15_000);
  await quiet(sandbox);
  expect(first).toHaveLength(1);
  expect(await tries(sandbox)).toEqual(first);

  await sandbox.run(['umount', dirname(module)]);
  expect((await daemon.post('/reconcile')).status).toBe(202);
  await hasDriver(sandbox, release, NEWER);
});
