// What is said of a machine in a line.
import { describe, expect, it } from 'vitest';
import { coverage, digest } from '../../../src/reconcile/digest.ts';
import { card, mounted, NOT_MOUNTED, numaNode } from '../support/hugepages.ts';
import {
  current,
  driverSource,
  type Files,
  gentooKernel,
  judgeHost,
  LONG_AGO,
  machine,
  module,
} from '../support/machines.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { workingDkms } from '../support/working-dkms.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const V1 = driverSource('2.9.0');
const V2 = driverSource('2.10.0');

describe('how many kernels have the driver', () => {
  it.each<[string, Files, string]>([
    ['no kernel', {}, 'there is no kernel that could have the driver'],
    ['one, current', { ...current(A, '2.9.0'), ...V1 }, '1 of 1 kernel has the current driver'],
    ['one, without', { ...gentooKernel(A), ...V1 }, '0 of 1 kernel has the current driver'],
    [
      'one current, one without',
      { ...current(A, '2.9.0'), ...gentooKernel(B), ...V1 },
      '1 of 2 kernels has the current driver',
    ],
    [
      'two with an older build that works',
      { ...current(A, '2.9.0'), ...current(B, '2.9.0'), ...V1, ...V2 },
      '0 of 2 kernels have the current driver, 2 another build of it',
    ],
    [
      'a module of another kernel is no build of it',
      { ...gentooKernel(A), ...module(A, '2.9.0', '6.1.0 SMP mod_unload '), ...V1 },
      '0 of 1 kernel has the current driver',
    ],
  ])('%s', async (_, files, words) => {
    const judgement = await judgeHost(machine(files));
    expect(coverage(judgement)).toBe(words);
    expect(digest(judgement, undefined).summary).toBe(`${judgement.health}: ${words}`);
  });
});

describe('while another run installs a module', () => {
  const PID = 4711;
  const working: Files = {
    ...current(A, '2.9.0'),
    ...V1,
    '/var/lib/ttkmd/state.json': JSON.stringify({
      schema: 1,
      intent: { release: A, version: '2.9.0', step: 'install' },
    }),
    '/run/ttkmd/run.json': JSON.stringify({ pid: PID, started: '99', trigger: 'cli', since: 0 }),
  };
  const alive: Files = { [`/proc/${PID}/stat`]: `${PID} (node) S ${'0 '.repeat(18)}99 0` };

  it('nothing is called interrupted, and health is what it was', async () => {
    const judgement = await judgeHost(machine({ ...working, ...alive }));
    expect(judgement.kernels[0]).toMatchObject({ reason: 'it is being installed at this moment' });
    expect(judgement.health).toBe('ok');
  });

  it('it is interrupted once that run is dead', async () => {
    const judgement = await judgeHost(machine(working));
    expect(judgement.kernels[0]).toMatchObject({ reason: 'its installation was interrupted' });
    expect(judgement.health).toBe('degraded');
  });
});

it('names what was done, and to what, once', async () => {
  const host = machine({ ...current(A, '2.9.0'), ...V1 }, { exec: workingDkms });
  host.put(gentooKernel(B));
  await runReconcile(host);
  host.fs.removeTree(`/lib/modules/${B}`);
  host.fs.remove(`/boot/vmlinuz-${B}`);
  host.fs.removeTree(`/usr/src/linux-${B}`);
  host.fs.removeTree('/usr/src/tenstorrent-2.9.0');
  host.put(V2);
  for (const path of ['/lib/modules', '/boot']) host.put({ [path]: { folder: true, modified: LONG_AGO } });
  const report = await runReconcile(host);
  const texts = digest(report.after, report).done.map(({ text }) => text);
  expect(texts).toContain(`${B}: forgotten`);
  expect(texts).toContain('tenstorrent 2.10.0: registered');
  expect(texts).toContain('tenstorrent 2.9.0: unregistered');
});

describe('where hugepages are mounted is told', () => {
  const wanted = { ...numaNode(0, { pages: 4 }), ...card(1, 'blackhole', { node: 0 }) };
  it.each<[string, Files, string | undefined]>([
    ['while they are wanted', { ...wanted, ...mounted() }, '/dev/hugepages-1G'],
    ['not while they are not mounted', { ...wanted, ...NOT_MOUNTED }, undefined],
    ['not where they are mounted in another way', { ...wanted, ...mounted('rw,mode=700') }, undefined],
    ['not where none are wanted', { ...numaNode(0), ...mounted() }, undefined],
  ])('%s', async (_, files, path) => {
    const host = machine({ ...current(A, '2.9.0'), ...V1, ...files });
    expect(digest(await judgeHost(host), undefined).mount).toBe(path);
  });
});
