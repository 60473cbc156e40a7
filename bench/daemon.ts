// What the daemon costs while nothing happens, and how soon it acts when something does.

import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from '../test/system/support/daemon.ts';
import { configure, until } from '../test/system/support/machine.ts';
import type { DkmsPart, KernelPart } from '../test/system/support/parts.ts';
import { Sandbox } from '../test/system/support/sandbox.ts';
import { Fleet } from './fleet.ts';

export interface DaemonPlan {
  dkms: DkmsPart;
  kernel: KernelPart;
  rounds: number;
  log: (line: string) => void;
}

/** Milliseconds during which nothing happens. */
const IDLE = 60_000;

/** Milliseconds in which what the beginning took is given back. */
const CALM = 20_000;

/** Milliseconds of quiet before a change is acted on; the setting's default. */
const SETTLE = 3000;

const KERNELS = [1, 50];

/** Lines for people: costs at one kernel and at many, and the time from a tree that is ready to make. */
export async function measureDaemon(plan: DaemonPlan): Promise<string[]> {
  const lines = ['kernels  CPU in 60 s  context switches  private memory  inotify watches'];
  {
    await using fleet = await Fleet.create(plan.dkms, plan.kernel);
    for (const count of KERNELS) {
      plan.log(`the daemon, idle with ${count} ${count === 1 ? 'kernel' : 'kernels'}`);
      await fleet.growTo(count);
      lines.push(await idle(fleet, count));
    }
  }
  plan.log('the daemon, from a tree that is ready to make');
  const delays = await delaysToMake(plan);
  const beyond = delays.map((ms) => ms - SETTLE).sort((a, b) => a - b);
  const median = beyond[Math.floor(beyond.length / 2)] ?? Number.NaN;
  const range = `${Math.round(beyond[0] ?? Number.NaN)} to ${Math.round(beyond.at(-1) ?? Number.NaN)}`;
  lines.push(
    `from the last file of a kernel to make: settle time and ${Math.round(median)} ms (${range}); at most 500 wanted`,
  );
  return lines;
}

async function idle({ sandbox }: Fleet, count: number): Promise<string> {
  await using daemon = await Daemon.start(sandbox);
  await until('the first look is done', () => /health is/.test(daemon.output));
  await sleep(CALM);
  const before = { switches: daemon.switches(), cpu: processorTime(daemon.pid) };
  await sleep(IDLE);
  const cells = [
    String(count).padStart(7),
    `${processorTime(daemon.pid) - before.cpu} ms`.padStart(11),
    String(daemon.switches() - before.switches).padStart(16),
    `${(daemon.memory() / 1024).toFixed(1)} MiB`.padStart(14),
    String(daemon.watches()).padStart(15),
  ];
  return cells.join('  ');
}

/** Milliseconds of the processor that a process has had, all its threads together (proc(5), fields 14 and 15). */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A clock tick is ten milliseconds on every Linux of today (sysconf(3), _SC_CLK_TCK).
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function delaysToMake({ dkms, kernel, rounds }: DaemonPlan): Promise<number[]> {
  await using sandbox = await Sandbox.create({ dkms, tree: 'gentoo', kernels: [kernel] });
  await sandbox.installProgram();
  await sandbox.addDriver();
  await configure(sandbox, `[watch]\nsettle = ${SETTLE}ms\n`);
  await using daemon = await Daemon.start(sandbox);
  await until('the first kernel has the driver', () => /installed, verified/.test(daemon.output));
  const delays: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await sleep(2 * SETTLE);
    const { release } = await sandbox.addKernel(kernel, { release: `6.12.${round}-bench` });
    const ready = performance.now();
    await until('make starts', () => makes(sandbox, release));
    delays.push(performance.now() - ready);
    await until('it is done', () => daemon.output.includes(`${release} 1.0.0-sample: installed, verified`));
  }
  return delays;
}

/** Whether a make works on the tree of a release: it is the one that is started first. */
function makes(sandbox: Sandbox, release: string): boolean {
  return sandbox.processes().some(({ pid, name, command }) => {
    if (name !== 'make') return false;
    if (command.includes(release)) return true;
    try {
      return readlinkSync(`/proc/${pid}/cwd`).includes(release);
    } catch {
      return false;
    }
  });
}
