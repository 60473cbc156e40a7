// Pages of 1 GiB for the cards that are there, and their mount, as ttkmd's own command brings them.
import { isOfHugepages, type Outlook, outlook } from '../outlook.ts';
import type { Bench, BootstrapStep, Undo } from '../step.ts';
import { missingFolders } from '../work.ts';

export const hugepages: BootstrapStep = {
  name: 'hugepages',
  title: 'hugepages and their mount',
  async check(bench) {
    if (bench.facts.chrooted) return { done: true, why: 'a chroot has none' };
    const planned = lacking(await look(bench));
    if (planned.length === 0) return { done: true, why: 'all that can be had now are there' };
    return { done: false, why: `to do: ${planned.join('; ')}` };
  },
  async plan(bench) {
    const { mount } = (await look(bench)) ?? {};
    const undo: Undo[] =
      mount === undefined || mount.state !== 'missing'
        ? []
        : [...missingFolders(bench.host.fs, mount.path), { kind: 'hugepages', path: mount.path }];
    const fewer =
      'not all hugepages could be had; ttkmdctl hugepages status says why, and how to have them at the next boot';
    return [{ kind: 'ttkmdctl', args: ['hugepages', 'apply'], tolerated: { 1: fewer, 6: fewer }, undo }];
  },
};

/** As the timer asks, which does not try in vain again: what could not be had since boot is no reason to stop. */
async function look(bench: Bench): Promise<Outlook | undefined> {
  return outlook(bench, '--trigger', 'timer');
}

function lacking(found: Outlook | undefined): string[] {
  if (found === undefined) return ['what ttkmdctl hugepages apply finds'];
  return found.steps.filter(isOfHugepages).map(({ text }) => text);
}
