// What a user without rights may not look at is unknown: neither missing nor drifted, and never made up.
import { describe, expect, it } from 'vitest';
import { judgeReadiness } from '../../../src/reconcile/readiness.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import {
  current,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  planHost,
} from '../support/machines.ts';
import type { ExecAnswer, MemoryHostOptions } from '../support/memory-host.ts';

const R = '6.12.58-gentoo-dist';
const V1 = driverSource('2.9.0');
const HEALTHY: Files = { ...current(R, '2.9.0'), ...V1 };
const STATE = '/var/lib/ttkmd/state.json';
const USER: MemoryHostOptions = { machine: { effectiveUser: 1000 } };
const NO_CARDS = { devices: [], holders: [], complete: true };
const MODULE = `/lib/modules/${R}/kernel/extra/tenstorrent.ko`;

describe('what may not be read', () => {
  it.each<[string, Files, string]>([
    ['the state', { ...HEALTHY, [STATE]: { text: '{}', mode: 0 } }, STATE],
    [
      'the state, of a kernel without a module',
      { ...gentooKernel(R), ...V1, [STATE]: { text: '{}', mode: 0 } },
      STATE,
    ],
    [
      "depmod's index",
      { ...HEALTHY, [`/lib/modules/${R}/modules.dep`]: { text: 'x', mode: 0 } },
      `/lib/modules/${R}/modules.dep`,
    ],
    ['the module', { ...HEALTHY, [MODULE]: { text: 'x', mode: 0 } }, MODULE],
    ['its folder', { ...HEALTHY, [`/lib/modules/${R}/kernel/extra`]: { folder: true, mode: 0 } }, MODULE],
    ['the settings', { ...HEALTHY, '/etc/ttkmd/ttkmd.conf': { text: '', mode: 0 } }, '/etc/ttkmd/ttkmd.conf'],
    [
      'the folder of the settings',
      { ...HEALTHY, '/etc/ttkmd': { folder: true, mode: 0 } },
      '/etc/ttkmd/ttkmd.conf.d',
    ],
    [
      'the driver source',
      { ...HEALTHY, '/usr/src/tenstorrent-2.9.0/dkms.conf': { text: '', mode: 0 } },
      '/usr/src/tenstorrent-2.9.0/dkms.conf',
    ],
    [
      'a build tree that is waited for',
      { ...gentooKernel(R), ...V1, [`/usr/src/linux-${R}/include/config/auto.conf`]: { text: '', mode: 0 } },
      `/usr/src/linux-${R}/include/config/auto.conf`,
    ],
  ])('makes the module unknown: %s', async (_, files, path) => {
    const host = machine(files, USER);
    const judgement = await judgeHost(host);
    const [judged] = judgement.kernels;
    expect(judged).toMatchObject({ state: 'unknown', reason: `${path} may not be read by this user` });
    expect(judgement.health).toBe('degraded');
    const problems = judgement.problems.filter(({ message }) => message.includes(path));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'unknown', hint: expect.stringMatching(/as root/) });
    expect(problems[0]?.message).toMatch(/^unknown/);
    expect(statusDocument(judgement, undefined, NO_CARDS)).toMatchObject({
      unreadable: expect.arrayContaining([path]),
      kernels: [{ module: { state: 'unknown' } }],
    });
    const answer = judgeReadiness(judgement, undefined);
    expect(answer.ready).toBe(false);
    expect(answer.text).toMatch(/unknown/);
    expect(inShort(await planHost(host))).toEqual([`wait ${R}`]);
  });

  it('leaves what cannot have a module as it is', async () => {
    const files = { ...gentooKernel(R, { options: '' }), ...V1, [STATE]: { text: '{}', mode: 0 } };
    const host = machine(
      { ...files, [`/usr/src/linux-${R}/include/config/auto.conf`]: 'CONFIG_MODULES=y\nCONFIG_SMP=y\n' },
      USER,
    );
    expect((await judgeHost(host)).kernels[0]?.state).toBe('unsupported');
  });

  it('concerns no other kernel', async () => {
    const other = '6.12.60-gentoo-dist';
    const files = { ...HEALTHY, ...current(other, '2.9.0') };
    const host = machine({ ...files, [`/lib/modules/${other}/modules.dep`]: { text: 'x', mode: 0 } }, USER);
    const { kernels } = await judgeHost(host);
    expect(kernels.map(({ state }) => state)).toEqual(['unknown', 'current']);
  });

  it('is one problem for all kernels that it hides', async () => {
    const files = { ...HEALTHY, ...current('6.12.60-gentoo-dist', '2.9.0'), [STATE]: { text: '', mode: 0 } };
    const { problems } = await judgeHost(machine(files, USER));
    expect(problems.map(({ code }) => code)).toEqual(['unknown']);
  });

  it('is no excuse for root, who goes on with what there is', async () => {
    const host = machine({ ...HEALTHY, [STATE]: { text: '{}', mode: 0 } });
    expect((await judgeHost(host)).kernels[0]?.state).toBe('current');
  });
});

describe('modules that could not be looked at', () => {
  const answering = (answer: ExecAnswer): MemoryHostOptions => ({
    ...USER,
    exec: [{ on: 'modinfo', answer }],
  });

  it.each<[string, ExecAnswer, RegExp]>([
    [
      'a root that a user may not change to',
      { code: 125, stderr: "chroot: cannot change root directory to '/mnt': Operation not permitted" },
      /cannot change root directory/,
    ],
    [
      'a root of another machine',
      { code: 126, stderr: 'chroot: failed to run command: Exec format error' },
      /Exec format/,
    ],
    ['no modinfo', { code: 127, stderr: 'spawn modinfo ENOENT' }, /ENOENT/],
    ['a modinfo that was killed', { code: 137, stderr: '' }, /137/],
  ])('are unknown: %s', async (_, answer, why) => {
    const judgement = await judgeHost(machine(HEALTHY, answering(answer)));
    expect(judgement.kernels[0]?.state).toBe('unknown');
    expect(judgement.kernels[0]?.reason).toMatch(why);
    expect(statusDocument(judgement, undefined, NO_CARDS)).toMatchObject({ unreadable: [MODULE] });
    expect(judgement.problems).toHaveLength(1);
  });

  it('are damaged where modinfo looked and found nothing', async () => {
    const stderr = 'modinfo: ERROR: could not get modinfo';
    const judgement = await judgeHost(machine(HEALTHY, answering({ code: 1, stderr })));
    expect(judgement.kernels[0]?.state).toBe('drifted');
  });
});

it('what a process keeps to itself is nothing of the machine that was hidden', async () => {
  const host = machine({ ...HEALTHY, '/proc/1/fd': { folder: true, mode: 0 } });
  host.fs.list('/proc/1/fd');
  expect([...host.fs.denied]).toEqual(['/proc/1/fd']);
  const { observation, problems } = await judgeHost(host);
  expect([observation.denied, problems.map(({ code }) => code)]).toEqual([[], []]);
});
