// What it costs a reconcile with nothing to do that every installed module is held against its build tree.

import { join } from 'node:path';
import type { DkmsPart, KernelPart } from '../test/system/support/parts.ts';
import { race, type Times } from './clock.ts';
import { Fleet } from './fleet.ts';

export interface VerificationPlan {
  dkms: DkmsPart;
  kernel: KernelPart;
  rounds: number;
  log: (line: string) => void;
}

interface Cost {
  /** Nothing had to be read again. */
  isKnown: boolean;
  modules: number;
  /** Milliseconds. */
  median: number;
}

const KERNELS = [1, 50];
const TTKMDCTL = '/usr/bin/ttkmdctl';
const CHECKS = '/var/lib/ttkmd/checks.json';

/** Milliseconds that verification may add, however many kernels there are. */
const AT_MOST = 60;

/** Lines for people: what was found out once is known by the files' identities; and what it takes to find it out. */
export async function measureVerification(plan: VerificationPlan): Promise<string[]> {
  const lines = ['kernels  of a reconcile, for verification  whole reconcile  with nothing known yet'];
  await using fleet = await Fleet.create(plan.dkms, plan.kernel);
  for (const count of KERNELS) {
    plan.log(`verification with ${count} ${count === 1 ? 'kernel' : 'kernels'}`);
    await fleet.growTo(count);
    lines.push(await cost(fleet, count, plan.rounds));
  }
  return lines;
}

async function cost({ sandbox }: Fleet, count: number, rounds: number): Promise<string> {
  const reconcile = [TTKMDCTL, 'reconcile', '--all'];
  const [unknown, known] = await race(
    sandbox,
    [
      { name: 'nothing known', argv: reconcile, before: () => sandbox.remove(CHECKS) },
      // The race turns the order round; what is needed here was written by one before, or by this.
      { name: 'all known', argv: reconcile, before: () => sandbox.run(reconcile) },
    ],
    rounds,
  );
  const script = join(import.meta.dirname, 'verification-cost.ts');
  const { stdout } = await sandbox.run([process.execPath, script]);
  const { isKnown, modules, median } = JSON.parse(stdout) as Cost;
  if (!isKnown || modules !== count) throw new Error(`${count} kernels should have been known: ${stdout}`);
  const verdict = median <= AT_MOST ? `✓ at most ${AT_MOST}` : `✗ MISSED ${AT_MOST}`;
  return [
    String(count).padStart(7),
    `${median.toFixed(1)} ms ${verdict}`.padStart(33),
    text(known).padStart(15),
    text(unknown).padStart(23),
  ].join('  ');
}

function text(times: Times | undefined): string {
  return times === undefined ? '?' : `${times.median.toFixed(0)} ms`;
}
