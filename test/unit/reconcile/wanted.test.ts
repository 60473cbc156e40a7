// Which driver every kernel shall have: newest and pinned, with sources that are refused, and what is said of it.
import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../../src/reconcile/judgement.ts';
import {
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  LONG_AGO,
  machine,
  planHost,
} from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const MINE = driverSource('2.9.0');
const OLDER = driverSource('2.8.0');
const REFUSED = driverSource('2.9.0', { user: 1000 });
const pin = (version: string): Files => ({ '/etc/ttkmd/ttkmd.conf': `[driver]\nversion = ${version}\n` });
const conf = (version: string): string => `PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="${version}"\n`;

interface Case {
  readonly name: string;
  readonly files: Files;
  /** Each kernel's state, the newest first. */
  readonly states: readonly string[];
  readonly plan: readonly string[];
  readonly health: string;
  /** `severity code: message` of each problem. */
  readonly problems: readonly RegExp[];
  readonly hint?: string;
}

const CASES: readonly Case[] = [
  {
    name: 'the newest source is refused: nobody goes back to an older one',
    files: { ...current(A, '2.9.0'), ...gentooKernel(B), ...REFUSED, ...OLDER },
    states: ['missing', 'current'],
    plan: [],
    health: 'degraded',
    problems: [
      /^degraded source-refused: nothing is built from \/usr\/src\/tenstorrent-2\.9\.0: .*belongs to user 1000.*; the kernels keep 2\.9\.0 and do not go back to 2\.8\.0/,
    ],
    hint: 'chown -R root:root /usr/src/tenstorrent-2.9.0',
  },
  {
    name: 'a refused source between what is installed and what is there',
    files: { ...current(A, '2.9.0'), ...driverSource('2.10.0', { mode: 0o666 }), ...OLDER },
    states: ['current'],
    plan: [],
    health: 'degraded',
    problems: [/^degraded source-refused: .*2\.10\.0.*do not go back to 2\.8\.0/],
  },
  {
    name: 'a newer source is refused, what is installed has its own',
    files: { ...current(A, '2.9.0'), ...gentooKernel(B), ...driverSource('2.10.0', { user: 7 }), ...MINE },
    states: ['missing', 'current'],
    plan: [`build ${B} 2.9.0`, `install ${B} 2.9.0`],
    health: 'degraded',
    problems: [/^degraded source-refused: .*2\.10\.0.*; 2\.9\.0 is built instead/, /module-missing/],
  },
  {
    name: 'nothing installed yet: an older source is better than none',
    files: { ...gentooKernel(A), ...REFUSED, ...OLDER, ...dkmsRecord('2.8.0') },
    states: ['missing'],
    plan: [`build ${A} 2.8.0`, `install ${A} 2.8.0`],
    health: 'degraded',
    problems: [/^degraded source-refused: .*; 2\.8\.0 is built instead/, /module-missing/],
  },
  {
    name: 'an excluded kernel holds nobody',
    files: {
      ...current(B, '2.9.0'),
      ...gentooKernel(A),
      ...REFUSED,
      ...OLDER,
      ...dkmsRecord('2.8.0'),
      '/etc/ttkmd/ttkmd.conf': `[kernels]\nexclude = ${B}\n`,
    },
    states: ['unsupported', 'missing'],
    plan: [`build ${A} 2.8.0`, `install ${A} 2.8.0`],
    health: 'degraded',
    problems: [/source-refused/, /module-missing/],
  },
  {
    name: 'a source that was taken away, and none refused: back to what is there',
    files: { ...current(A, '2.9.0'), ...OLDER, ...dkmsRecord('2.8.0') },
    states: ['drifted'],
    plan: [`build ${A} 2.8.0`, `install ${A} 2.8.0`, 'unregister 2.9.0'],
    health: 'degraded',
    problems: [/module-drifted/],
  },
  {
    name: 'the only source is refused',
    files: { ...gentooKernel(A), ...REFUSED },
    states: ['missing'],
    plan: [],
    health: 'degraded',
    problems: [/^degraded source-refused: /],
  },
  {
    name: 'a pin to an older version is obeyed',
    files: { ...current(A, '2.9.0'), ...REFUSED, ...OLDER, ...dkmsRecord('2.8.0'), ...pin('2.8.0') },
    states: ['drifted'],
    plan: [`build ${A} 2.8.0`, `install ${A} 2.8.0`, 'unregister 2.9.0'],
    health: 'degraded',
    problems: [/module-drifted/, /^note source-refused/],
  },
  {
    name: 'the pinned version is refused',
    files: { ...current(A, '2.9.0'), ...REFUSED, ...OLDER, ...pin('2.9.0') },
    states: ['current'],
    plan: [],
    health: 'degraded',
    problems: [
      /^degraded source-refused: .*2\.9\.0.*belongs to user 1000.*; driver\.version asks for 2\.9\.0$/,
    ],
    hint: 'chown -R root:root /usr/src/tenstorrent-2.9.0',
  },
  {
    name: 'the pinned version is refused, another one is installed',
    files: { ...current(A, '2.8.0'), ...REFUSED, ...OLDER, ...pin('2.9.0') },
    states: ['drifted'],
    plan: [],
    health: 'degraded',
    problems: [/^degraded source-refused: .*; driver\.version asks for 2\.9\.0$/],
  },
  {
    name: 'the pinned version is not there',
    files: {
      ...current(A, '2.9.0'),
      ...gentooKernel(B),
      ...MINE,
      ...OLDER,
      ...dkmsRecord('2.8.0'),
      ...pin('3.0.0'),
    },
    states: ['missing', 'drifted'],
    plan: [],
    health: 'degraded',
    problems: [
      /^degraded no-source: the driver version 3\.0\.0, .*is not in \/usr\/src \(there is 2\.9\.0, 2\.8\.0\)$/,
    ],
  },
  {
    name: 'the pinned version is installed, and its source is gone',
    files: { ...current(A, '2.9.0'), ...OLDER, ...pin('2.9.0') },
    states: ['current'],
    plan: [],
    health: 'degraded',
    problems: [/^degraded no-source: /],
  },
  {
    name: 'a copy that was put aside',
    files: { ...current(A, '2.9.0'), ...MINE, ...driverSource('2.9.0.bak', { conf: conf('2.9.0') }) },
    states: ['current'],
    plan: [],
    health: 'ok',
    problems: [/^note source-refused: .*2\.9\.0\.bak.*says version 2\.9\.0, its folder says 2\.9\.0\.bak/],
    hint: 'rm -r /usr/src/tenstorrent-2.9.0.bak',
  },
  {
    name: 'a source that was put aside to go back to an older one',
    files: {
      ...current(A, '2.9.0'),
      ...driverSource('2.9.0.bak', { conf: conf('2.9.0') }),
      ...OLDER,
      ...dkmsRecord('2.8.0'),
    },
    states: ['drifted'],
    plan: [`build ${A} 2.8.0`, `install ${A} 2.8.0`, 'unregister 2.9.0'],
    health: 'degraded',
    problems: [/module-drifted/, /^note source-refused/],
  },
  {
    name: 'a folder under the name of a newer version',
    files: { ...current(A, '2.9.0'), ...MINE, ...driverSource('2.10.0', { conf: conf('2.9.1') }) },
    states: ['current'],
    plan: [],
    health: 'degraded',
    problems: [
      /^degraded source-refused: .*says version 2\.9\.1, its folder says 2\.10\.0; 2\.9\.0 is built instead/,
    ],
    hint: 'mv -T /usr/src/tenstorrent-2.10.0 /usr/src/tenstorrent-2.9.1',
  },
  {
    name: 'an old source that is refused while a newer one is used',
    files: { ...current(A, '2.9.0'), ...MINE, ...driverSource('2.8.0', { user: 1000 }) },
    states: ['current'],
    plan: [],
    health: 'ok',
    problems: [/^note source-refused/],
  },
  {
    name: 'what an unmerged package left of an old source',
    files: { ...current(A, '2.9.0'), ...MINE, '/usr/src/tenstorrent-2.8.0/module.o': '' },
    states: ['current'],
    plan: [],
    health: 'ok',
    problems: [/^note source-refused: .*2\.8\.0\/dkms\.conf is missing/],
    hint: 'rm -r /usr/src/tenstorrent-2.8.0',
  },
  {
    name: "another package's source under a like name",
    files: {
      ...current(A, '2.9.0'),
      ...MINE,
      ...driverSource('tools-1.0', { conf: 'PACKAGE_NAME="tenstorrent-tools"\nPACKAGE_VERSION="1.0"\n' }),
    },
    states: ['current'],
    plan: [],
    health: 'ok',
    problems: [],
  },
];

function told({ problems }: Judgement): string[] {
  return problems.map(({ severity, code, message }) => `${severity} ${code}: ${message}`);
}

describe('the wanted driver', () => {
  it.each(CASES)('$name', async ({ files, states, plan, health, problems, hint }) => {
    const host = machine(files);
    const judgement = await judgeHost(host);
    expect(judgement.kernels.map((kernel) => kernel.state)).toEqual(states);
    expect(inShort(await planHost(host))).toEqual(plan);
    expect(told(judgement)).toEqual(problems.map((problem) => expect.stringMatching(problem)));
    expect(judgement.health).toBe(health);
    if (hint !== undefined) {
      expect(judgement.problems.find(({ code }) => code === 'source-refused')?.hint).toContain(hint);
    }
    for (const problem of judgement.problems.filter(
      (one) => !/belongs to|can be written/.test(one.message),
    )) {
      expect(problem.hint).not.toContain('chown');
    }
  });
});

describe('a module that does not say which version it is', () => {
  const module = `/lib/modules/${A}/kernel/extra/tenstorrent.ko`;
  const silent: Files = {
    ...gentooKernel(A),
    ...MINE,
    [module]: `license=GPL\0vermagic=${A} SMP mod_unload \0`,
    [`/lib/modules/${A}/modules.dep`]: 'kernel/extra/tenstorrent.ko:\n',
  };
  const record = (data: object): Files => ({
    '/var/lib/ttkmd/state.json': JSON.stringify({
      schema: 1,
      modules: { [A]: { at: LONG_AGO, trigger: 'cli', seconds: 1, ...data } },
    }),
  });
  const BUILD = [`build ${A} 2.9.0`, `install ${A} 2.9.0`];

  async function built(files: Files): Promise<string[]> {
    const steps = inShort(await planHost(machine(files)));
    return steps.filter((step) => !/register/.test(step));
  }

  it('is the version that we installed', async () => {
    expect(await built({ ...silent, ...record({ version: '2.8.0', sourceHash: 'x' }) })).toEqual(BUILD);
    const hash = (await judgeHost(machine(silent))).driver.source?.hash;
    expect(await built({ ...silent, ...record({ version: '2.9.0', sourceHash: hash }) })).toEqual([]);
    expect(await built({ ...silent, ...record({ version: '2.9.0', sourceHash: 'x' }) })).toEqual(BUILD);
  });
  it('is the version that dkms installed', async () => {
    expect(await built({ ...silent, ...dkmsRecord('2.8.0', [A]) })).toEqual(BUILD);
    expect(await built({ ...silent, ...dkmsRecord('2.9.0', [A]) })).toEqual([]);
  });
  it('is what it is where nobody knows', async () => {
    expect(await built(silent)).toEqual([]);
  });
});

describe('health, with a driver in the running kernel', () => {
  const device: Files = {
    '/sys/bus/pci/devices/0000:01:00.0/vendor': '0x1e52\n',
    '/sys/bus/pci/devices/0000:01:00.0/device': '0xb140\n',
  };
  const loaded: Files = {
    '/sys/module/tenstorrent/version': '2.9.0\n',
    '/sys/module/tenstorrent/refcnt': '1\n',
    '/sys/bus/pci/devices/0000:01:00.0/driver': { link: '../../../bus/pci/drivers/tenstorrent' },
  };
  const excludes: Files = { '/etc/ttkmd/ttkmd.conf': `[kernels]\nexclude = ${A}\n` };
  const fine: Files = { ...current(B, '2.9.0'), ...MINE };

  it.each<[string, Files, string, readonly string[]]>([
    [
      "the running kernel's files are gone, the driver is loaded",
      { ...fine, ...device, ...loaded },
      'ok',
      ['note unsupported'],
    ],
    [
      "the running kernel's files are gone, and no driver is loaded",
      { ...fine, ...device },
      'failed',
      ['failed unsupported'],
    ],
    [
      'the running kernel is excluded',
      { ...fine, ...current(A, '2.9.0'), ...device, ...loaded, ...excludes },
      'ok',
      ['note excluded'],
    ],
    [
      'the running kernel is excluded, and no driver is loaded',
      { ...fine, ...gentooKernel(A), ...device, ...excludes },
      'ok',
      ['note excluded'],
    ],
    [
      'no source at all, no driver, and a device',
      { ...gentooKernel(A), ...device },
      'failed',
      ['failed module-missing', 'degraded no-source'],
    ],
    [
      'the loaded version is not the wanted one, which nobody has',
      { ...current(A, '2.9.0'), ...MINE, ...device, ...loaded, ...pin('3.0.0') },
      'degraded',
      ['degraded no-source'],
    ],
  ])('%s', async (_, files, health, problems) => {
    const judgement = await judgeHost(machine(files, { machine: { runningRelease: A } }));
    expect(judgement.problems.map(({ severity, code }) => `${severity} ${code}`)).toEqual(problems);
    expect(judgement.health).toBe(health);
  });

  it('forgets the failure of a kernel that is left alone by now', async () => {
    const base = { ...gentooKernel(A), ...MINE, ...excludes };
    const host = machine(base, { machine: { runningRelease: A } });
    const { driver, observation, kernels } = await judgeHost(host);
    const failure = {
      version: '2.9.0',
      sourceHash: driver.source?.hash,
      tools: observation.tools.get(A),
      abiIdentity: kernels[0]?.kernel.abiIdentity,
      headline: 'a symbol is missing',
      hint: 'set the option',
    };
    host.put({ '/var/lib/ttkmd/state.json': JSON.stringify({ schema: 1, failures: { [A]: failure } }) });
    expect((await judgeHost(host)).problems.map(({ code }) => code)).toEqual(['excluded']);
  });
});
