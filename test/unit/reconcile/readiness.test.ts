// What `ready` answers, and what a reconcile says of kernels that it leaves without the driver.
import { describe, expect, it } from 'vitest';
import { judgeReadiness } from '../../../src/reconcile/readiness.ts';
import { shortfallOf } from '../../../src/reconcile/shortfall.ts';
import {
  buildTree,
  current,
  DKMS,
  driverSource,
  type Files,
  gentooKernel,
  judgeHost,
  machine,
  module,
  modulesFolder,
} from '../support/machines.ts';

const A = '6.12.58-gentoo-dist';
const B = '6.12.60-gentoo-dist';
const V1 = driverSource('2.9.0');
const fine: Files = { ...current(A, '2.9.0'), ...V1 };
const conf = (text: string): Files => ({ '/etc/ttkmd/ttkmd.conf': text });
const noPci: Files = {
  ...modulesFolder(B),
  ...buildTree('/usr/src/b', B),
  '/usr/src/b/include/config/auto.conf': 'CONFIG_MODULES=y\n',
  [`/lib/modules/${B}/build`]: { link: '/usr/src/b' },
};

interface Case {
  readonly name: string;
  readonly files: Files;
  readonly ask?: string;
  readonly running?: string;
  readonly ready: boolean;
  readonly text: string | RegExp;
  readonly hint?: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: 'the wanted driver',
    files: fine,
    ask: A,
    ready: true,
    text: `${A} will come up with tenstorrent 2.9.0`,
  },
  {
    name: 'all kernels',
    files: { ...fine, ...current(B, '2.9.0') },
    ready: true,
    text: `${B} will come up with tenstorrent 2.9.0, and so will 1 other kernel`,
  },
  {
    name: 'the newest kernel, and an older one that is not ready',
    files: { ...fine, ...gentooKernel(A), ...current(B, '2.9.0'), [`/lib/modules/${A}/modules.dep`]: '' },
    ready: true,
    text: `${B} will come up with tenstorrent 2.9.0; not ready: ${A}`,
  },
  {
    name: 'the newest kernel without a driver',
    files: { ...fine, ...gentooKernel(B) },
    ready: false,
    text: `${B} will come up without a driver: no module is installed`,
    hint: /^build it, as root: ttkmdctl reconcile$/,
  },
  {
    name: 'the newest kernel cannot take the driver',
    files: { ...fine, ...noPci },
    ready: false,
    text: `${B} will come up without a driver: CONFIG_PCI is off: this kernel knows no PCI devices`,
    hint: /boot a kernel that can take the driver/,
  },
  {
    name: 'the newest kernel is left alone: it is not what is asked for',
    files: { ...fine, ...gentooKernel(B), ...conf(`[kernels]\nexclude = ${B}\n`) },
    ready: true,
    text: `${A} will come up with tenstorrent 2.9.0`,
  },
  {
    name: 'a kernel that is left alone and has a driver',
    files: { ...fine, ...conf(`[kernels]\nexclude = ${A}\n`) },
    ask: A,
    ready: true,
    text: /^6\.12\.58-gentoo-dist will come up with tenstorrent 2\.9\.0, and is left alone/,
  },
  {
    name: 'a kernel that is left alone and has none',
    files: { ...fine, ...gentooKernel(B), ...conf(`[kernels]\nexclude = ${B}\n`) },
    ask: B,
    ready: false,
    text: /will come up without a driver: left alone/,
    hint: /kernels\.exclude/,
  },
  {
    name: 'an older version',
    files: { ...current(A, '2.8.0'), ...V1 },
    ready: false,
    text: `${A} will come up with the older version 2.8.0, wanted is 2.9.0`,
    hint: /^build it, as root: ttkmdctl reconcile$/,
  },
  {
    name: 'a newer version than the pinned one',
    files: { ...current(A, '2.10.0'), ...V1, ...conf('[driver]\nversion = 2.9.0\n') },
    ready: false,
    text: `${A} will come up with version 2.10.0, wanted is 2.9.0`,
    hint: /^build it, as root: ttkmdctl reconcile$/,
  },
  {
    name: 'an older version, and no headers to build the wanted one',
    files: { ...modulesFolder(A), ...module(A, '2.8.0'), ...V1 },
    ready: false,
    text: `${A} will come up with the older version 2.8.0, wanted is 2.9.0`,
    hint: /install the headers/,
  },
  {
    name: 'the pinned version is not there',
    files: { ...fine, ...conf('[driver]\nversion = 3.0.0\n') },
    ready: false,
    text: `${A} will come up with the older version 2.9.0, wanted is 3.0.0, which is not in /usr/src`,
    hint: /unpack a tag/,
  },
  {
    name: 'the pinned version is refused',
    files: {
      ...current(A, '2.8.0'),
      ...driverSource('2.9.0', { user: 1000 }),
      ...conf('[driver]\nversion = 2.9.0\n'),
    },
    ready: false,
    text: `${A} will come up with the older version 2.8.0, wanted is 2.9.0, and nothing is built from /usr/src/tenstorrent-2.9.0`,
    hint: /chown/,
  },
  {
    name: 'no source at all',
    files: gentooKernel(A),
    ready: false,
    text: `${A} will come up without a driver: there is no driver source to build it from`,
    hint: /unpack a tag/,
  },
  {
    name: 'no dkms',
    files: { ...gentooKernel(A), ...V1, '/usr/sbin/dkms': { link: '/nowhere' } },
    ready: false,
    text: /without a driver/,
    hint: /emerge sys-kernel\/dkms/,
  },
  {
    name: 'a module for another kernel',
    files: { ...fine, ...module(A, '2.9.0', '6.1.0-other SMP mod_unload ') },
    ready: false,
    text: `${A} will come up without a driver: it was built for 6.1.0-other`,
    hint: /^build it, as root: ttkmdctl reconcile$/,
  },
  {
    name: 'a module of the wanted version that is not current',
    files: {
      ...fine,
      '/var/lib/ttkmd/state.json': JSON.stringify({
        schema: 1,
        modules: { [A]: { version: '2.9.0', sourceHash: 'another', at: 0, trigger: 'cli', seconds: 1 } },
      }),
    },
    ready: false,
    text: `${A} has tenstorrent 2.9.0, which is not current: /usr/src/tenstorrent-2.9.0 has changed since it was built`,
    hint: /^build it, as root: ttkmdctl reconcile$/,
  },
  {
    name: 'the running kernel was removed: the next one counts',
    files: { ...fine },
    running: B,
    ready: true,
    text: /^6\.12\.58-gentoo-dist will come up with tenstorrent 2\.9\.0/,
  },
  { name: 'no kernel', files: V1, ready: false, text: /^no kernel was found/, hint: /install a kernel/ },
];

describe('whether the card will be there', () => {
  it.each(CASES)('$name', async ({ files, ask, running, ready, text, hint }) => {
    const judgement = await judgeHost(machine(files, { machine: { runningRelease: running } }));
    const answer = judgeReadiness(judgement, ask);
    if (typeof text === 'string') expect(answer.text).toBe(text);
    else expect(answer.text).toMatch(text);
    expect(answer.ready).toBe(ready);
    if (hint === undefined) expect(answer.hint).toBeUndefined();
    else expect(answer.hint).toMatch(hint);
    expect(`${answer.text}${answer.hint}`).not.toContain('\n');
  });

  it('is not asked of a kernel that is not there', async () => {
    const judgement = await judgeHost(machine(fine));
    expect(() => judgeReadiness(judgement, '9.9.9')).toThrow(/no kernel 9\.9\.9/);
  });
});

describe('kernels that a reconcile leaves without the driver', () => {
  it.each<[string, Files, string | undefined, readonly string[], readonly RegExp[]]>([
    ['none', fine, undefined, [], []],
    ['no source at all', gentooKernel(A), undefined, [A], [/there is no driver source/]],
    [
      'no dkms',
      { ...gentooKernel(A), ...V1, '/usr/sbin/dkms': { link: '/nowhere' } },
      undefined,
      [A],
      [/dkms is not installed/],
    ],
    [
      'a build tree that is not there yet',
      { ...fine, ...modulesFolder(B) },
      undefined,
      [B],
      [/6\.12\.60-gentoo-dist: .*build is missing/],
    ],
    [
      'sources that nobody has built are nobody to wait for',
      { ...fine, '/usr/src/linux-6.18/Makefile': 'VERSION = 6\nPATCHLEVEL = 18\n' },
      undefined,
      [],
      [],
    ],
    ['one that cannot take it', { ...fine, ...noPci }, undefined, [], []],
    [
      'one that cannot take it and was asked for',
      { ...fine, ...noPci },
      B,
      [B],
      [/6\.12\.60.*CONFIG_PCI is off/],
    ],
    ['another one than was asked for', { ...fine, ...modulesFolder(B) }, A, [], []],
    [
      'a pinned version that is not there',
      { ...fine, ...conf('[driver]\nversion = 3.0.0\n') },
      undefined,
      [A],
      [/driver version 3\.0\.0/],
    ],
    [
      'a refused source while the kernels keep what they have',
      { ...current(A, '2.9.0'), ...driverSource('2.9.0', { user: 7 }), ...driverSource('2.8.0') },
      undefined,
      [],
      [/do not go back to 2\.8\.0/],
    ],
    [
      'a refused source, and a kernel that waits for something else',
      { ...fine, ...modulesFolder(B), ...driverSource('2.10.0', { user: 7 }) },
      undefined,
      [B],
      [/build is missing/, /nothing is built from .*2\.10\.0/],
    ],
    ['an old refused source', { ...fine, ...driverSource('2.8.0', { user: 7 }) }, undefined, [], []],
  ])('%s', async (_, files, only, lacking, problems) => {
    const shortfall = shortfallOf(await judgeHost(machine({ ...DKMS, ...files })), only);
    expect(shortfall.kernels.map(({ kernel }) => kernel.release)).toEqual(lacking);
    expect(shortfall.problems.map(({ message }) => message)).toEqual(
      problems.map((problem) => expect.stringMatching(problem)),
    );
    for (const { hint } of shortfall.problems) expect(hint).toBeTruthy();
  });
});
