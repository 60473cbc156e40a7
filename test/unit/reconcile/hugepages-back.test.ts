// Pages of 1 GiB that are given back, and what is never taken away.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/host/host.ts';
import type { Policy } from '../../../src/reconcile/plan.ts';
import { loadState } from '../../../src/state/state.ts';
import { CARD, hostWith, run, working } from '../support/hugepage-hosts.ts';
import { kernelThatGives, MACHINE_POOL, mounted, numaNode, poolOf } from '../support/hugepages.ts';
import { type Files, inShort, planHost } from '../support/machines.ts';

describe('giving back', () => {
  const asked = (pages: Record<string, number>, boot = 'this-boot'): Files => ({
    '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, pages: { boot, pages } }),
  });
  const RETURN = { giveBack: true };

  it.each<[string, Files, Partial<Policy>, string[]]>([
    ['not by itself', { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 8 }) }, {}, []],
    [
      'ours that nobody wants any more',
      { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 8 }) },
      RETURN,
      ['return 8 on 0'],
    ],
    [
      'only what is more than wanted',
      { ...numaNode(0, { pages: 8 }), ...CARD, ...mounted(), ...asked({ 'node 0': 8 }) },
      RETURN,
      ['return 4 on 0'],
    ],
    [
      "not what is somebody else's",
      { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 3 }) },
      RETURN,
      ['return 3 on 0'],
    ],
    [
      'not what is in use',
      { ...numaNode(0, { pages: 8, free: 2 }), ...asked({ 'node 0': 8 }) },
      RETURN,
      ['return 2 on 0'],
    ],
    [
      'not what is promised to somebody',
      {
        ...numaNode(0, { pages: 8, free: 2 }),
        ...asked({ 'node 0': 8 }),
        [`${MACHINE_POOL}/resv_hugepages`]: '1\n',
      },
      RETURN,
      ['return 1 on 0'],
    ],
    ['not on another node', { ...numaNode(0, { pages: 8 }), ...asked({ 'node 1': 8 }) }, RETURN, []],
    [
      'not what was asked for before the machine was booted',
      { ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 8 }, 'another') },
      RETURN,
      [],
    ],
    ['not what nobody remembers', numaNode(0, { pages: 8 }), RETURN, []],
  ])('%s', async (_, files, policy, expected) => {
    expect(inShort(await planHost(hostWith(files), policy))).toEqual(expected);
  });

  it('takes none away that are in use by the time, and remembers what is left of ours', async () => {
    const memory = working({ ...numaNode(0, { pages: 8 }), ...asked({ 'node 0': 6 }) });
    const { host } = kernelThatGives(memory, { [poolOf(0)]: [64] });
    // Somebody takes all but two between the look and the deed.
    let isTaken = false;
    const lateFs = {
      ...host.fs,
      readText: (path: string) =>
        isTaken && path === `${poolOf(0)}/free_hugepages` ? '2\n' : memory.fs.readText(path),
    };
    const lock: Host['lock'] = {
      acquire(...args) {
        isTaken = true;
        return host.lock.acquire(...args);
      },
    };
    const { done } = await run({ ...host, fs: lateFs, lock }, RETURN);
    expect(done[0]).toMatchObject({
      outcome: 'done',
      text: 'gave 2 pages of 1 GiB back on node 0; 6 are left',
    });
    expect(loadState(memory.fs).pages?.pages).toEqual({ 'node 0': 4 });
  });
});
