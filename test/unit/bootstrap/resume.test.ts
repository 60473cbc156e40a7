// Each step of the real ones, broken off at each piece of its work in turn: resumed, it ends as if nothing had happened.
import { expect, it } from 'vitest';
import { bootstrap } from '../../../src/bootstrap/bootstrap.ts';
import { JOURNAL_PATH, readJournal } from '../../../src/bootstrap/journal.ts';
import type { StepName } from '../../../src/bootstrap/step.ts';
import { STEPS } from '../../../src/bootstrap/steps/all.ts';
import { FLASHED_PATH } from '../../../src/bootstrap/steps/firmware.ts';
import { releasedVersions } from '../../../src/bootstrap/versions.ts';
import type { MemoryHost } from '../support/memory-host.ts';
import { type BenchOptions, DEBIAN, GENTOO, type MemoryBench, memoryBench } from './bench.ts';

interface Case {
  readonly step: StepName;
  readonly options: BenchOptions;
  /** What a command does to the machine, by the beginning of its line. */
  readonly effects?: Readonly<Record<string, (host: MemoryHost) => void>>;
  /** What `ttkmdctl reconcile --dry-run` plans. */
  readonly planned?: (host: MemoryHost) => object;
}

const DOWNLOAD = { version: '1.0', url: 'https://x/some-1.0.tar.gz', sha256: 'a'.repeat(64) };
const VERSIONS = { ...releasedVersions(), firmware: DOWNLOAD, inference: DOWNLOAD };
const PIPX = '/opt/ttkmd/pipx/venvs/tt-smi/lib/python3.13/site-packages/tt_smi-6.1.0.dist-info/METADATA';
const VENV = '/opt/ttkmd/tools/lib/python3.13/site-packages/tt_smi-6.1.0.dist-info/METADATA';
const MOUNTED = '/dev/hugepages-1G/mounted';
const COMMAND = '/usr/local/bin/tt-smi';
const puts =
  (...paths: string[]) =>
  (host: MemoryHost) =>
    host.put(Object.fromEntries(paths.map((path) => [path, ''])));

const CASES: readonly Case[] = [
  {
    step: 'kernel-options',
    options: {
      files: GENTOO,
      facts: {
        kernelsWithout: [{ release: '6.12.1-gentoo-dist', options: ['HWMON'], set: ['HWMON'], dist: true }],
      },
    },
  },
  {
    step: 'hugepages',
    options: { facts: { chrooted: false } },
    planned: (host) => ({
      steps: host.fs.exists(MOUNTED) ? [] : [{ kind: 'mountHugepages', text: 'mount them' }],
      status: { kernels: [], hugepages: { mount: { path: '/dev/hugepages-1G', state: 'missing' } } },
    }),
    effects: { 'ttkmdctl hugepages apply': puts(MOUNTED) },
  },
  {
    step: 'hooks',
    options: { files: { ...DEBIAN, '/etc/debian_version': '12', '/usr/bin/run-parts': { mode: 0o755 } } },
    effects: {
      'ttkmdctl hooks install': (host) =>
        host.put(
          Object.fromEntries(
            ['postinst.d', 'prerm.d', 'postrm.d'].map((folder) => [
              `/etc/kernel/${folder}/35-ttkmd`,
              { text: '#!/bin/sh\n', mode: 0o755 },
            ]),
          ),
        ),
    },
  },
  {
    step: 'podman',
    options: {
      files: { ...GENTOO, '/etc/subuid': 'you:100000:65536\n', '/etc/subgid': '' },
      choices: { user: 'me' },
    },
    effects: {
      emerge: puts('/var/db/pkg/app-containers/podman-5.7.1/SLOT'),
      'usermod --add-subuids': (host) => host.put({ '/etc/subuid': 'me:165536:65536\n' }),
      'usermod --add-subgids': (host) => host.put({ '/etc/subgid': 'me:100000:65536\n' }),
    },
  },
  {
    step: 'firmware',
    options: { versions: VERSIONS, files: { '/sys/module/tenstorrent/refcnt': '0\n' } },
  },
  { step: 'sfpi', options: {}, effects: { 'mkdir -p': puts('/opt/tenstorrent/.sfpi/compiler/x') } },
  { step: 'tt-metalium', options: {} },
  {
    step: 'tt-inference-server',
    options: { versions: VERSIONS, choices: { user: 'me' } },
    effects: { 'mkdir -p': puts('/opt/tenstorrent/.tt-inference-server/run.py') },
  },
  {
    step: 'tt-smi',
    options: {},
    effects: { 'pipx install': puts(PIPX, '/opt/ttkmd/pipx/venvs/tt-smi/bin/python', COMMAND) },
  },
  {
    step: 'tt-smi',
    options: { choices: { python: 'venv' } },
    effects: {
      'python3 -m venv': puts('/opt/ttkmd/tools/bin/pip', '/opt/ttkmd/tools/bin/python'),
      '/opt/ttkmd/tools/bin/pip install': puts(VENV, '/opt/ttkmd/tools/bin/tt-smi'),
    },
  },
  {
    step: 'source',
    options: { versions: VERSIONS },
    effects: {
      'mkdir -p': (host) => host.fs.makeFolder('/usr/src/.ttkmd-source'),
      'tar --extract': (host) =>
        host.put({
          '/usr/src/.ttkmd-source/dkms.conf': 'PACKAGE_NAME="tenstorrent"\nPACKAGE_VERSION="2.10.0"\n',
          '/usr/src/.ttkmd-source/Makefile': '',
        }),
    },
  },
];

interface World extends MemoryBench {
  /** The piece of work that fails, counted from 0; undefined lets all be done. */
  breakAt: number | undefined;
  count: number;
}

async function worldOf({ options, effects = {}, planned }: Case): Promise<World> {
  const bench = await memoryBench(options);
  const { host } = bench;
  const breaks = (): boolean => {
    world.count += 1;
    return world.count - 1 === world.breakAt;
  };
  const does = (line: string) => {
    const ended = { code: 0, signal: undefined, timedOut: false, cancelled: false };
    if (breaks()) return { ...ended, code: 5 };
    const [, effect] = Object.entries(effects).find(([on]) => line.startsWith(on)) ?? [];
    effect?.(host);
    return ended;
  };
  const unless =
    <T extends unknown[]>(call: (...args: T) => void, of: (...args: T) => boolean = () => true) =>
    (...args: T): void => {
      if (of(...args) && breaks()) throw new Error('EIO: broken off');
      call(...args);
    };
  const fs = {
    ...host.fs,
    write: unless(host.fs.write, (path) => path !== JOURNAL_PATH),
    rename: unless(host.fs.rename),
    link: unless(host.fs.link),
    removeTree: unless(host.fs.removeTree),
  };
  const world: World = {
    ...bench,
    host: { ...host, fs },
    breakAt: undefined,
    count: 0,
    hands: {
      run: async ({ argv }) => does(argv.join(' ')),
      ttkmdctl: async (args) => does(`ttkmdctl ${args.join(' ')}`),
      ask: async () => ({ code: 0, stdout: JSON.stringify(planned?.(host) ?? {}), stderr: '' }),
      async download(from, to) {
        if (breaks()) throw new Error('broken off');
        host.put({ [to]: from });
        return '';
      },
    },
  };
  return world;
}

function go(world: World, step: StepName, breakAt?: number) {
  world.breakAt = breakAt;
  world.count = 0;
  const options = { dryRun: false, signal: new AbortController().signal, onHappening() {} };
  return bootstrap(world, [STEPS[step]], options);
}

/** What is there, but for what tells of the run itself. */
function there({ host }: World): object {
  const { [JOURNAL_PATH]: _, ...rest } = host.snapshot();
  return rest;
}

it.each(CASES.map((one) => [one.step, one.options.choices?.python ?? '', one] as const))(
  '%s %s goes on wherever it was broken off',
  async (step, _, one) => {
    const whole = await worldOf(one);
    expect(await go(whole, step)).toMatchObject({ outcome: 'done', steps: [step] });
    const pieces = whole.count;
    expect(pieces).toBeGreaterThan(0);
    for (let breakAt = 0; breakAt < pieces; breakAt += 1) {
      const world = await worldOf(one);
      await expect(go(world, step, breakAt)).rejects.toThrow();
      expect(readJournal(world.host.fs).steps).toMatchObject([{ name: step, done: false }]);
      expect(await go(world, step)).toMatchObject({ outcome: 'done', steps: [step] });
      expect(there(world)).toEqual(there(whole));
      const undo = (of: World) => readJournal(of.host.fs).steps.flatMap((found) => found.undo);
      expect(undo(world)).toEqual(expect.arrayContaining(undo(whole)));
      expect(readJournal(world.host.fs).steps).toMatchObject([{ name: step, done: true }]);
      expect(await go(world, step)).toMatchObject({ outcome: 'nothing-to-do' });
    }
  },
);

it('firmware that was not written to its end is not taken for written', async () => {
  const one = CASES.find(({ step }) => step === 'firmware');
  if (one === undefined) throw new Error('there is no such case');
  const world = await worldOf(one);
  await expect(go(world, 'firmware', 1)).rejects.toThrow('tt-flash flash');
  expect(world.host.fs.exists(FLASHED_PATH)).toBe(false);
});

it('covers the steps that no test of a real machine breaks', () => {
  expect(CASES.map(({ step }) => step)).toEqual(
    expect.arrayContaining(['kernel-options', 'hugepages', 'hooks', 'podman', 'firmware']),
  );
});
