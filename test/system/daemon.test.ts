// The daemon on a real file system: what it hears, what it does, what it answers, and what it costs.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Daemon } from './support/daemon.ts';
import { history, installedVersion, prepared, SAMPLE, statusOf, until } from './support/machine.ts';
import { parts } from './support/parts.ts';
import type { Sandbox } from './support/sandbox.ts';

const { kernels, dkms } = parts();

/** Long enough to be told from a moment, short enough for a test. */
const SETTLE = '1s';

async function machine(first = [kernels.v61]): Promise<Sandbox> {
  const sandbox = await prepared({ dkms: dkms.v32, tree: 'gentoo', kernels: first });
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/10-test.conf', `[watch]\nsettle = ${SETTLE}\n`);
  return sandbox;
}

const current = (sandbox: Sandbox, release: string): Promise<void> =>
  until(`${release} has the driver`, async () => (await installedVersion(sandbox, release)) === SAMPLE);

test('kernels come, are rebuilt and go, and the driver follows with no hook at all', async () => {
  await using sandbox = await machine();
  const first = kernels.v61.gentooRelease;
  await using daemon = await Daemon.start(sandbox);
  await current(sandbox, first);
  await until('the status is told', async () =>
    (await daemon.get('/status')).body.includes('"health": "ok"'),
  );

  const { release } = await sandbox.addKernel(kernels.v612);
  await current(sandbox, release);
  console.log(daemon.output, daemon.watches(), daemon.openFiles(), daemon.memory());
  const before = daemon.switches();
  await sleep(10_000);
  console.log('switches in 10 s', daemon.switches() - before, daemon.memory());
  expect((await history(sandbox)).map(({ trigger }) => trigger)).not.toContain('cli');
  expect((await statusOf(sandbox)).health).toBe('ok');
  expect(JSON.parse(await sandbox.read('/run/ttkmd/status.json'))).toMatchObject({ health: 'ok' });
  expect(await daemon.stop()).toBe(0);
});
