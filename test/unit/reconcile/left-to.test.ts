// A module that a package of Portage's or dpkg's has installed: recognised, and left to that.
import { describe, expect, it } from 'vitest';
import { describeArrival } from '../../../src/kernel-events/messages.ts';
import { judgeReadiness } from '../../../src/reconcile/readiness.ts';
import { statusDocument } from '../../../src/reconcile/status-document.ts';
import {
  current,
  dkmsRecord,
  driverSource,
  type Files,
  gentooKernel,
  inShort,
  judgeHost,
  machine,
  modinfo,
  module,
  modversions,
  POLICY,
  planHost,
} from '../support/machines.ts';
import type { MemoryHost, RecordedCall } from '../support/memory-host.ts';
import { runReconcile } from '../support/run-reconcile.ts';
import { A, B, BUILD_A, BUILD_B, state, V1 } from './host-rows.ts';

const PACKAGE = 'sys-kernel/tt-kmd-2.9.0';
const RECORD = `/var/db/pkg/${PACKAGE}/CONTENTS`;

/** As linux-mod-r1 installs it. */
function extra(release: string, version = '2.9.0', vermagic = `${release} SMP mod_unload `): Files {
  return {
    [`/lib/modules/${release}/extra/tenstorrent.ko`]: `version=${version}\0license=GPL\0vermagic=${vermagic}\0`,
    [`/lib/modules/${release}/modules.dep`]: 'kernel/fs/ext4.ko:\nextra/tenstorrent.ko:\n',
  };
}

function contents(...paths: readonly string[]): string {
  return [
    'dir /lib',
    ...paths.map((path) => `obj ${path} d41d8cd98f00b204e9800998ecf8427e 1767225600`),
    'obj /usr/lib/udev/rules.d/50-tenstorrent.rules d41d8cd98f00b204e9800998ecf8427e 1767225600',
    '',
  ].join('\n');
}

function merged(release: string, prefix = ''): Files {
  return { [RECORD]: contents(`${prefix}/lib/modules/${release}/extra/tenstorrent.ko`) };
}

const RECORDED = {
  [A]: { version: '2.9.0', sourceHash: 'another', at: 1, trigger: 'cli', seconds: 1, file: 'abc' },
};

interface Row {
  readonly name: string;
  readonly files: Files;
  readonly states: readonly string[];
  readonly plan?: readonly string[];
  readonly force?: boolean;
  /** Each problem: its code, and what its words hold. */
  readonly problems?: readonly [code: string, ...parts: string[]][];
}

const REBUILD = `eselect kernel set linux-${A} && emerge @module-rebuild`;

const FORCED = 'CONFIG_MODULE_SIG=y\nCONFIG_MODULE_SIG_FORCE=y\n';

const ROWS: readonly Row[] = [
  { name: 'its module', files: { ...gentooKernel(A), ...extra(A), ...merged(A) }, states: ['current'] },
  {
    name: 'its module, by the name with /usr',
    files: { ...gentooKernel(A), ...extra(A), ...merged(A, '/usr') },
    states: ['current'],
  },
  {
    name: 'its module, asked for by force',
    files: { ...gentooKernel(A), ...extra(A), ...merged(A), ...V1, ...dkmsRecord('2.9.0') },
    states: ['current'],
    force: true,
    problems: [['left-source', '/usr/src/tenstorrent-2.9.0', PACKAGE, 'USE=dkms']],
  },
  {
    name: 'its module for a kernel that was built anew since',
    files: { ...gentooKernel(A), ...extra(A, '2.9.0', '6.1.0-other SMP '), ...merged(A) },
    states: ['drifted'],
    problems: [['module-drifted', PACKAGE, REBUILD]],
  },
  {
    name: 'its module, and a newer source that somebody has put into /usr/src',
    files: { ...gentooKernel(A), ...extra(A), ...merged(A), ...driverSource('2.11.0') },
    states: ['current'],
    problems: [['left-source', '/usr/src/tenstorrent-2.11.0']],
  },
  {
    name: 'its module, and another version that is asked for',
    files: {
      ...gentooKernel(A),
      ...extra(A),
      ...merged(A),
      '/etc/ttkmd/ttkmd.conf': '[driver]\nversion = 2.8.0\n',
    },
    states: ['drifted'],
    problems: [['module-drifted', 'wanted is 2.8.0', PACKAGE]],
  },
  {
    name: 'a new kernel beside it: for Portage to build',
    files: { ...gentooKernel(A), ...extra(A), ...merged(A), ...gentooKernel(B), ...V1 },
    states: ['missing', 'current'],
    problems: [
      ['module-missing', B, PACKAGE, `linux-${B} && emerge @module-rebuild`],
      ['left-source', '2.9.0'],
    ],
  },
  {
    name: 'a kernel that dkms has a module for beside it stays ours',
    files: {
      ...gentooKernel(A),
      ...extra(A),
      ...merged(A),
      ...gentooKernel(B),
      ...module(B, '2.8.0'),
      ...V1,
      ...dkmsRecord('2.8.0', [B]),
    },
    states: ['drifted', 'current'],
    plan: ['register 2.9.0', ...BUILD_B, 'unregister 2.8.0'],
    problems: [
      ['module-drifted', B, 'ttkmdctl reconcile'],
      ['left-source', '2.9.0'],
    ],
  },
  {
    name: 'both at once, at two places',
    files: {
      ...current(A, '2.9.0'),
      ...merged(A),
      [`/lib/modules/${A}/extra/tenstorrent.ko`]: 'version=2.9.0\0',
      ...V1,
      '/usr/src/tenstorrent-2.9.0/module.c': 'changed',
      ...state({ modules: RECORDED }),
    },
    states: ['current'],
    problems: [
      [
        'two-owners',
        `/lib/modules/${A}/extra/tenstorrent.ko of ${PACKAGE}`,
        `/lib/modules/${A}/kernel/extra/tenstorrent.ko of dkms's tenstorrent 2.9.0; modprobe takes /lib/modules/${A}/kernel/extra/tenstorrent.ko`,
        'dkms remove -m tenstorrent -v 2.9.0 --all',
        'USE=dkms',
      ],
      ['left-source', '2.9.0'],
    ],
  },
  {
    name: 'both at once, in one file',
    files: { ...gentooKernel(A), ...extra(A), ...merged(A), ...dkmsRecord('2.9.0', [A]) },
    states: ['current'],
    problems: [
      ['two-owners', `extra/tenstorrent.ko is of ${PACKAGE} and of dkms's tenstorrent 2.9.0`, 'dkms remove'],
    ],
  },
  {
    name: 'what we remember of a module that a package has replaced counts no more',
    files: {
      ...gentooKernel(A),
      ...extra(A),
      ...merged(A),
      ...state({ modules: RECORDED, failures: { [A]: { ...RECORDED[A], code: 'x', headline: 'x' } } }),
    },
    states: ['current'],
  },
  {
    name: 'a package that says that it has a module, which is not there: ours to build',
    files: { ...gentooKernel(A), ...merged(A), ...V1, ...dkmsRecord('2.9.0') },
    states: ['missing'],
    plan: BUILD_A,
    problems: [['module-missing', A]],
  },
  {
    name: 'the ebuild with USE=dkms, which has sources and no module',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      [RECORD]: contents('/usr/src/tenstorrent-2.9.0/dkms.conf', '/usr/src/tenstorrent-2.9.0/tenstorrent.ko'),
    },
    states: ['current'],
  },
  {
    name: 'the ebuild in the middle of its merge',
    files: {
      ...current(A, '2.9.0'),
      ...V1,
      '/var/db/pkg/sys-kernel/-MERGING-tt-kmd-2.9.0/CONTENTS': contents(
        `/lib/modules/${A}/kernel/extra/tenstorrent.ko`,
      ),
    },
    states: ['current'],
  },
  {
    name: 'its module without a signature, and the kernel takes signed ones only',
    files: { ...gentooKernel(A, { options: FORCED }), ...extra(A), ...merged(A) },
    states: ['drifted'],
    problems: [['module-drifted', 'it is not signed', 'left to Portage', REBUILD]],
  },
  {
    name: 'its module, whose symbols have other versions in the kernel',
    files: {
      ...gentooKernel(A, { symbols: { _printk: '0x2' } }),
      ...extra(A, '2.9.0', `${A} SMP mod_unload modversions \0crc=0x1 _printk`),
      ...merged(A),
    },
    states: ['drifted'],
    problems: [['module-drifted', '_printk: 0x1 in the module, 0x2 in the kernel', REBUILD]],
  },
  {
    name: 'a kernel that is not configured yet beside it',
    files: {
      ...gentooKernel(A),
      ...extra(A),
      ...merged(A),
      '/usr/src/linux-6.18.2-gentoo/Makefile': 'VERSION = 6\nPATCHLEVEL = 18\n',
    },
    states: ['waiting', 'current'],
    plan: ['wait 6.18'],
    problems: [['waiting', 'not configured yet']],
  },
];

/** modinfo, and grep as it prints with -rHo. */
function answers(call: RecordedCall, on: MemoryHost): string {
  if (call.command === 'modprobe') return modversions(call, on) as string;
  if (call.command !== 'grep') return modinfo(call, on) as string;
  const patterns = call.args.flatMap((arg, index) => (call.args[index - 1] === '-e' ? [arg] : []));
  return Object.entries(on.snapshot())
    .filter(([path]) => path.startsWith(`${call.args.at(-1)}/`) && /\/CONTENTS$|\.list$/.test(path))
    .flatMap(([path, text]) => patterns.filter((one) => text?.includes(one)).map((one) => `${path}:${one}\n`))
    .join('');
}

function hostOf(files: Files): MemoryHost {
  return machine(files, { exec: (call, on) => answers(call, on as MemoryHost) });
}

const greps = (host: MemoryHost): number =>
  host.exec.calls.filter(({ command }) => command === 'grep').length;

describe("a driver of Portage's", () => {
  it.each(ROWS)('$name', async ({ files, states, plan = [], problems = [], force = false }) => {
    const host = hostOf(files);
    const judgement = await judgeHost(host);
    expect(judgement.kernels.map((one) => one.state)).toEqual(states);
    expect(inShort(await planHost(host, { force }))).toEqual(plan);
    const found = judgement.problems.map(
      ({ code, message, hint }) => [code, `${message} → ${hint}`] as const,
    );
    expect(found.map(([code]) => code).sort()).toEqual(problems.map(([code]) => code).sort());
    for (const [code, ...parts] of problems) {
      for (const part of parts) expect(found.find(([one]) => one === code)?.[1]).toContain(part);
    }
    // What its own ebuild says costs one folder: nothing else is searched.
    expect(greps(host)).toBe(0);
  });

  it('has left a module for another kernel behind, in the place of one that we remember', async () => {
    const host = hostOf({
      ...gentooKernel(A),
      ...extra(A),
      ...merged(A),
      ...gentooKernel(B),
      ...extra(B),
      ...state({ modules: { [B]: RECORDED[A] } }),
    });
    const judgement = await judgeHost(host);
    expect(judgement.kernels.map(({ record }) => record)).toEqual([undefined, undefined]);
    expect(judgement.kernels.map(({ leftTo }) => leftTo?.package)).toEqual([PACKAGE, PACKAGE]);
  });

  it('is told to programs and to people', async () => {
    const host = hostOf({ ...gentooKernel(A), ...extra(A), ...merged(A), ...gentooKernel(B) });
    const judgement = await judgeHost(host);
    const cards = { devices: [], holders: [], complete: true };
    const document = JSON.parse(JSON.stringify(statusDocument(judgement, undefined, cards as never)));
    const owner = { manager: 'portage', package: PACKAGE };
    expect(document.kernels.map((one: { module: object }) => one.module)).toMatchObject([
      { state: 'missing', owner: null, leftTo: owner },
      { state: 'current', owner, leftTo: owner },
    ]);
    expect(judgeReadiness(judgement, A).ready).toBe(true);
    expect(judgeReadiness(judgement, B)).toMatchObject({
      ready: false,
      text: expect.stringContaining('left to Portage'),
      hint: expect.stringContaining('@module-rebuild'),
    });
  });

  it('fails no installation of a kernel, and says so in two lines', async () => {
    const host = hostOf({ ...gentooKernel(A), ...extra(A), ...merged(A), ...gentooKernel(B), ...V1 });
    const report = await runReconcile(host, { ...POLICY, trigger: 'kernel-event', only: B });
    const message = describeArrival(B, report, { again: false, isLate: false });
    expect(message?.tone).toBe('plain');
    expect(`${message?.text} ${message?.hint}`).toMatch(/left to Portage.*@module-rebuild/);
  });
});

describe("a module that nobody's records explain", () => {
  const other = 'app-misc/my-driver-1';
  const path = `/lib/modules/${A}/extra/tenstorrent.ko`;
  const rows: readonly { name: string; files: Files; owner: object | null; searches: number }[] = [
    {
      name: "another ebuild's",
      files: { [`/var/db/pkg/${other}/CONTENTS`]: contents(path) },
      owner: { manager: 'portage', package: other },
      searches: 1,
    },
    {
      name: "another ebuild's, which is being merged",
      files: { '/var/db/pkg/app-misc/-MERGING-my-driver-1/CONTENTS': contents(path) },
      owner: null,
      searches: 1,
    },
    {
      name: 'a Debian package',
      files: { '/var/lib/dpkg/info/my-driver:amd64.list': `/.\n/lib\n${path}\n` },
      owner: { manager: 'dpkg', package: 'my-driver' },
      searches: 1,
    },
    { name: 'neither', files: {}, owner: null, searches: 0 },
    { name: 'one that we have built', files: state({ modules: RECORDED }), owner: null, searches: 0 },
  ];

  it.each(rows)('$name: all records are searched once, where there are any', async (row) => {
    const host = hostOf({ ...gentooKernel(A), ...extra(A), ...row.files });
    const [found] = (await judgeHost(host)).kernels;
    expect(found?.leftTo ?? null).toEqual(row.owner === null ? null : expect.objectContaining(row.owner));
    expect(greps(host)).toBe(row.searches);
  });
});
