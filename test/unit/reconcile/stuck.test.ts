// A child of the daemon that does not end, as status has it.
import { expect, it } from 'vitest';
import { loadStuck, saveStuck } from '../../../src/state/stuck.ts';
import { judgeHost, machine, NOW } from '../support/machines.ts';

const stat = (ticks: number): string => `4711 (node) D ${'1 '.repeat(18)}${ticks} 0\n`;

it('is told for as long as it lives, and not where its number was given to another process', async () => {
  const host = machine({ '/proc/4711/stat': stat(100) });
  const codes = async (): Promise<string[]> => (await judgeHost(host)).problems.map(({ code }) => code);
  expect(await codes()).not.toContain('run-stuck');
  saveStuck(host.fs, { pid: 4711, at: NOW });
  expect(await codes()).toContain('run-stuck');
  host.put({ '/proc/4711/stat': stat(200) });
  expect(await codes()).not.toContain('run-stuck');
  saveStuck(host.fs, { pid: 4711, at: NOW });
  expect(loadStuck(host.fs)).toMatchObject({ pid: 4711 });
  saveStuck(host.fs, undefined);
  expect(loadStuck(host.fs)).toBeUndefined();
});

it('is nothing where the file is no such record, or the process has ended', async () => {
  const host = machine({ '/run/ttkmd/stuck.json': '{"pid": 1' });
  expect(loadStuck(host.fs)).toBeUndefined();
  saveStuck(host.fs, { pid: 4712, at: NOW });
  expect(host.fs.exists('/run/ttkmd/stuck.json')).toBe(false);
});
