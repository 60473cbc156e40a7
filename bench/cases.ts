// What is measured: what ttkmd does beside what dkms does for the same question, on the same machine.

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DkmsPart, KernelPart, Parts } from '../test/system/support/parts.ts';
import { Sandbox } from '../test/system/support/sandbox.ts';
import { type Contender, race, type Times } from './clock.ts';
import { Fleet } from './fleet.ts';

/** How much of the other's time ours may take, and how binding that is. */
export interface Target {
  atMost: number;
  /** Something to come near to, rather than to reach. */
  aim?: boolean;
}

export interface Row {
  what: string;
  kernels: number;
  ours: { name: string; times: Times };
  theirs: { name: string; times: Times };
  target?: Target;
}

export type Subject = 'status' | 'nothing-to-do' | 'build';

export const SUBJECTS: readonly Subject[] = ['status', 'nothing-to-do', 'build'];

export interface Plan {
  dkms: DkmsPart;
  kernels: Parts['kernels'];
  /** A driver source to build instead of the sample. */
  driver: string | undefined;
  subjects: ReadonlySet<Subject>;
  /** How often each command is timed. */
  rounds: number;
  /** The same for those that take a fraction of a second. */
  shortRounds: number;
  log: (line: string) => void;
}

export const FEWEST_ROUNDS = 5;

const COUNTS = [1, 2, 10, 100];

// dkms takes a second or more for a single question from here on …
const SOME = 10;

// … and minutes to be asked about each kernel from here on.
const MANY = 100;

// A few hundredths are in question there, and a compiler's time varies by more.
const BUILD_FACTOR = 2;

const TTKMDCTL = '/usr/bin/ttkmdctl';
const HOOK = '/usr/lib/kernel/install.d/35-ttkmd.install';

export async function measure(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  const idle: Row[] = [];
  if (plan.subjects.has('status') || plan.subjects.has('nothing-to-do')) {
    await using fleet = await Fleet.create(plan.dkms, plan.kernels.v612);
    for (const count of COUNTS) {
      plan.log(`${count} ${count === 1 ? 'kernel' : 'kernels'}`);
      await fleet.growTo(count);
      if (plan.subjects.has('status')) rows.push(await status(plan, fleet));
      if (plan.subjects.has('nothing-to-do')) idle.push(...(await nothingToDo(plan, fleet)));
    }
  }
  // The same question about more and more kernels reads best together.
  rows.push(...idle);
  if (plan.subjects.has('build')) {
    plan.log('build and install');
    rows.push(...(await build(plan)));
  }
  return rows;
}

async function status(plan: Plan, { sandbox, releases }: Fleet): Promise<Row> {
  const kernels = releases.length;
  const [ours, theirs] = await pair(sandbox, roundsFor(plan, kernels), [
    { name: 'ttkmdctl status', argv: [TTKMDCTL, 'status'] },
    { name: 'dkms status', argv: ['dkms', 'status'] },
  ]);
  const target = kernels === 2 ? { atMost: 0.6 } : kernels === MANY ? { atMost: 1 / 25 } : undefined;
  return { what: 'status', kernels, ours, theirs, ...(target === undefined ? {} : { target }) };
}

/** dkms's autoinstall is about one kernel; who wants to be sure of all calls it once for each. */
async function nothingToDo(plan: Plan, { sandbox, releases, first }: Fleet): Promise<Row[]> {
  const kernels = releases.length;
  const target = { atMost: 1, aim: !plan.dkms.version.startsWith('3.0.') };
  const reconcile = { name: 'ttkmdctl reconcile --all', argv: [TTKMDCTL, 'reconcile', '--all'] };
  const one = { name: 'dkms autoinstall, one kernel', argv: ['dkms', 'autoinstall', '-k', first] };
  const forEach = 'for release; do dkms autoinstall -k "$release" || exit; done';
  const all = { name: 'dkms autoinstall, all', argv: ['bash', '-c', forEach, 'bash', ...releases] };

  const others = kernels === 1 || kernels >= MANY ? [one] : [one, all];
  const [ours, ...theirs] = await many(sandbox, roundsFor(plan, kernels), [reconcile, ...others]);
  if (ours === undefined) return [];
  return theirs.map((other) => ({ what: 'nothing to do', kernels, ours, theirs: other, target }));
}

/** Copies a driver source to where dkms looks for it; gives its folder there. */
async function layDriver(sandbox: Sandbox, from: string): Promise<string> {
  const version = /^PACKAGE_VERSION="(.+)"$/m.exec(await readFile(join(from, 'dkms.conf'), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${from}/dkms.conf names no version`);
  const folder = `/usr/src/tenstorrent-${version}`;
  await sandbox.run(['cp', '-r', resolve(from), folder]);
  await sandbox.run(['chmod', '-R', 'go-w', folder]);
  return folder;
}

/** A second kernel has arrived: from its folder alone to a module that modprobe finds. */
async function build(plan: Plan): Promise<Row[]> {
  const standing: KernelPart = plan.kernels.v61;
  const arriving: KernelPart = plan.kernels.v612;
  await using sandbox = await Sandbox.create({
    dkms: plan.dkms,
    tree: 'gentoo',
    kernels: [standing, arriving],
    dkmsHooks: 'none',
  });
  const source =
    plan.driver === undefined ? await sandbox.addDriver() : await layDriver(sandbox, plan.driver);
  const driver = source.replace('/usr/src/tenstorrent-', 'tenstorrent/');
  await sandbox.installProgram();
  // By default ttkmd gives way to whatever else runs, and dkms does not: on a machine that has other work,
  // this would measure the other work.
  await sandbox.write('/etc/ttkmd/ttkmd.conf.d/bench.conf', '[build]\nnice = 0\n');
  await sandbox.run([TTKMDCTL, 'reconcile', '--kernel', standing.gentooRelease]);

  const release = arriving.gentooRelease;
  const state = await sandbox.read('/var/lib/ttkmd/state.json');
  const reset = async (): Promise<void> => {
    const { stdout } = await sandbox.run(['dkms', 'status', driver, '-k', release]);
    if (stdout.trim() !== '') await sandbox.run(['dkms', 'unbuild', driver, '-k', release]);
    await sandbox.write('/var/lib/ttkmd/state.json', state);
    await sandbox.run(['depmod', release]);
  };
  const installed = async (): Promise<void> => {
    await sandbox.run(['modinfo', '-k', release, 'tenstorrent']);
  };
  const bareSource = '/tmp/bench-source';
  const freshSource = async (): Promise<void> => {
    await sandbox.remove(bareSource);
    await sandbox.run(['cp', '-r', source, bareSource]);
  };
  const jobs = (await sandbox.run(['nproc'])).stdout.trim();
  const tree = `/lib/modules/${release}/build`;

  const contenders: Contender[] = [
    {
      name: 'our hook',
      argv: [HOOK, 'add', release, '/boot/entry', `/boot/vmlinuz-${release}`],
      before: reset,
      after: installed,
    },
    {
      name: 'ttkmdctl reconcile --all',
      argv: [TTKMDCTL, 'reconcile', '--all'],
      before: reset,
      after: installed,
    },
    {
      name: 'dkms install',
      argv: ['dkms', 'install', driver, '-k', release],
      before: reset,
      after: installed,
    },
    {
      name: 'bare make',
      argv: ['make', `-j${jobs}`, `KERNELRELEASE=${release}`, '-C', tree, `M=${bareSource}`, 'modules'],
      before: freshSource,
    },
  ];
  const [hook, reconcile, dkms, make] = await many(sandbox, plan.rounds * BUILD_FACTOR, contenders);
  if (hook === undefined || reconcile === undefined || dkms === undefined || make === undefined) return [];
  const row = { what: 'build and install', kernels: 1 };
  return [
    { ...row, ours: hook, theirs: dkms, target: { atMost: 1.05 } },
    { ...row, ours: reconcile, theirs: dkms, target: { atMost: 1.05 } },
    { ...row, ours: hook, theirs: make },
  ];
}

interface Timed {
  name: string;
  times: Times;
}

async function many(sandbox: Sandbox, rounds: number, contenders: readonly Contender[]): Promise<Timed[]> {
  const times = await race(sandbox, contenders, rounds);
  return times.map((one, index) => ({ name: contenders[index]?.name ?? '', times: one }));
}

async function pair(
  sandbox: Sandbox,
  rounds: number,
  contenders: readonly [Contender, Contender],
): Promise<[Timed, Timed]> {
  const [one, other] = await many(sandbox, rounds, contenders);
  if (one === undefined || other === undefined) throw new Error('a race of two has two results');
  return [one, other];
}

function roundsFor(plan: Plan, kernels: number): number {
  return kernels >= SOME ? plan.rounds : plan.shortRounds;
}
