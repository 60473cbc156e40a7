// The driver for every kernel: a reconcile, as any other command asks for one.
import { observeSources } from '../../driver/sources.ts';
import { isCommand } from '../facts.ts';
import { readJournal } from '../journal.ts';
import { withoutCommand } from '../obstacles.ts';
import { isOfHugepages, outlook } from '../outlook.ts';
import type { Bench, BootstrapStep, Undo, Work } from '../step.ts';
import { sourceVersion, targetOf } from './source.ts';

export const driver: BootstrapStep = {
  name: 'driver',
  title: 'the driver, for every kernel',
  async check(bench) {
    if (!isCommand(bench.host, 'dkms')) return { done: false, why: 'dkms is not there yet' };
    if (!hasSource(bench)) return { done: false, why: 'its source is not there yet' };
    const { failed, planned, hasOne, without } = await look(bench);
    if (failed.length > 0) {
      const why = `it did not build for ${failed.join(', ')}; ttkmdctl status tells why`;
      // One kernel that cannot have it is no reason to leave the others without services and tools.
      return { done: false, why, bearable: hasOne && planned.length === 0 };
    }
    if (planned.length === 0) {
      const but = without.length === 0 ? '' : `, but not ${without.join(', nor ')}`;
      return { done: true, why: `every kernel that can have it has it${but}` };
    }
    return {
      done: false,
      why: planned.length === 1 ? `to do: ${planned[0]}` : `${planned.length} things are to be done`,
    };
  },
  async obstacle(bench) {
    const lacking = withoutCommand(bench, 'driver', 'dkms');
    if (lacking !== undefined || hasSource(bench) || bench.selected.includes('source')) return lacking;
    return {
      message:
        'There is no source of the driver in /usr/src, and the step source is left out, which brings it.',
      hint: 'Let that step be done, too: --only source,driver',
    };
  },
  async plan(bench) {
    const version = sourceVersion(bench);
    const undo: readonly Undo[] =
      version !== undefined && isBrought(bench, version) ? [{ kind: 'driver', version }] : [];
    const failed = hasSource(bench) ? (await look(bench)).failed : [];
    const all = reconcile(['--trigger', 'bootstrap'], undo);
    // What failed before is tried again only where the kernel is named.
    return failed.length === 0 ? [all] : failed.map((release) => reconcile(['--kernel', release], undo));
  },
};

/** A driver that was there before is not ours to take off. */
function isBrought({ host, choices, selected }: Bench, version: string): boolean {
  const path = targetOf(version);
  const recorded = readJournal(host.fs).steps.some(({ undo }) =>
    undo.some((one) => one.kind === 'tree' && one.path === path),
  );
  // In a dry run nothing is written down.
  return recorded || (selected.includes('source') && choices.kmdSource !== 'ebuild' && !host.fs.exists(path));
}

function reconcile(args: readonly string[], undo: readonly Undo[]): Work {
  const tolerated = { 1: 'not every kernel has the driver; ttkmdctl status tells why, and what to do' };
  return { kind: 'ttkmdctl', args: ['reconcile', ...args], tolerated, undo };
}

function hasSource({ host }: Bench): boolean {
  return observeSources(host.fs).some(({ refused }) => refused === undefined);
}

interface Look {
  readonly planned: readonly string[];
  /** The kernels that it did not work for. */
  readonly failed: readonly string[];
  readonly hasOne: boolean;
  /** The kernels that cannot have it now, with the reason. */
  readonly without: readonly string[];
}

async function look(bench: Bench): Promise<Look> {
  const found = await outlook(bench);
  if (found === undefined)
    return { planned: ['what ttkmdctl reconcile finds'], failed: [], hasOne: false, without: [] };
  const withState = (state: string): string[] =>
    found.kernels.filter(({ module }) => module.state === state).map(({ release }) => release);
  return {
    planned: found.steps
      .filter((step) => step.kind !== 'wait' && !isOfHugepages(step))
      .map(({ text }) => text),
    failed: withState('failed'),
    hasOne: withState('current').length > 0,
    without: found.kernels
      .filter(({ module }) => module.state === 'unsupported' || module.state === 'waiting')
      .map(({ release, module }) => (module.reason ? `${release} (${module.reason})` : release)),
  };
}
