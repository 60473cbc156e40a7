// What is written in a module is read once, and again when the file is another one.
import { expect, it } from 'vitest';
import { current, driverSource, type Files, machine, modinfo } from '../support/machines.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.18.5-gentoo-dist';

const FILES: Files = { ...current(A, '2.9.0'), ...current(B, '2.9.0'), ...driverSource('2.9.0') };

/** How many modules each modinfo was asked about. */
const asked = (host: MemoryHost): number[] =>
  host.exec.calls.filter(({ command }) => command === 'modinfo').map(({ args }) => args.length - 1);

it('starts no modinfo for what is known, and one for what has changed', async () => {
  const host = machine(FILES, { exec: modinfo });
  const first = await runReconcile(host);
  expect(first.outcome).toBe('nothing-to-do');
  expect(asked(host)).toEqual([2]);

  const second = await runReconcile(host);
  expect(second.after.kernels).toEqual(first.after.kernels);
  expect(asked(host)).toEqual([2]);

  const path = [...second.after.observation.modules.values()][0]?.path ?? '';
  host.fs.write(path, `${host.fs.readText(path)}\n`);
  expect((await runReconcile(host)).outcome).toBe('nothing-to-do');
  expect(asked(host)).toEqual([2, 1]);
});

it('reads again what an earlier version has not kept', async () => {
  const host = machine(FILES, { exec: modinfo });
  await runReconcile(host);
  const path = '/var/lib/ttkmd/checks.json';
  const kept = JSON.parse(host.fs.readText(path) ?? '') as { checks: Record<string, { read?: unknown }> };
  for (const check of Object.values(kept.checks)) delete check.read;
  host.fs.write(path, JSON.stringify(kept));
  await runReconcile(host);
  await runReconcile(host);
  expect(asked(host)).toEqual([2, 2]);
});
