// What the pages of 1 GiB that were seen mean: what is wanted, what is there, what could be had. Pure.
import type { Config } from '../config/config.ts';
import type { Device } from '../driver/driver.ts';
import { demandOf } from '../hugepages/demand.ts';
import { type Demand, nodeName, type ObservedHugepages } from '../hugepages/hugepages.ts';
import { roomFor } from '../hugepages/room.ts';
import { own } from './drivable.ts';

export interface NodeJudgement {
  /** Undefined where the machine has no NUMA folders. */
  readonly node: number | undefined;
  readonly folder: string | undefined;
  readonly demand: number;
  readonly allocated: number;
  readonly free: number;
  /** How many of the missing ones memory allows for. */
  readonly room: number;
  /** As much was asked for in vain before, and nothing would make a difference now. */
  readonly inVain: boolean;
  /** Pages of ours that nobody uses and that are more than demanded. */
  readonly givable: number;
}

export interface HugepagesJudgement {
  readonly demand: Demand;
  readonly nodes: readonly NodeJudgement[];
  /** How many of the demanded pages are there. */
  readonly present: number;
  /**
   * `not-needed`: no pages are demanded, so nobody has to mount them. `other`: it is mounted, in another way than the
   * settings ask for. `blocked`: something is in the way.
   */
  readonly mount: 'mounted' | 'missing' | 'other' | 'blocked' | 'not-needed';
  /** The same mount was refused before. */
  readonly mountInVain: boolean;
}

/** The same numbers for status, for problems and for the plan. */
export function judgeHugepages(
  seen: ObservedHugepages,
  config: Config,
  devices: readonly Device[],
): HugepagesJudgement {
  const settings = config.hugepages;
  const { nodes, override, driverVersion } = seen;
  const fed = own(devices);
  const away = devices.length - fed.length;
  const demand = demandOf({ settings, devices: fed, away, nodes, override, driverVersion });
  const missing = nodes.map(({ allocated }, index) => Math.max(0, (demand.pages[index] ?? 0) - allocated));
  const room = roomFor(nodes, missing, settings.keepFree);
  const judged = nodes.map(({ node, folder, allocated, free }, index): NodeJudgement => {
    const wanted = demand.pages[index] ?? 0;
    const ours = seen.asked[nodeName(node)] ?? 0;
    const spare = Math.min(ours, allocated - wanted, free - seen.reserved);
    const more = room[index] ?? 0;
    const tried = seen.failed.nodes[nodeName(node)];
    return {
      node,
      folder,
      demand: wanted,
      allocated,
      free,
      room: more,
      // Memory comes and goes: fewer than were asked for in vain are in vain as well.
      inVain: tried !== undefined && tried.allocated === allocated && allocated + more <= tried.to,
      givable: Math.max(0, spare),
    };
  });
  const present = judged.reduce((sum, one) => sum + Math.min(one.demand, one.allocated), 0);
  const { path, options } = seen.mount;
  const refused = seen.failed.mount;
  const mountInVain = refused?.path === path && refused.options === options;
  return { demand, nodes: judged, present, mount: mountState(seen, demand), mountInVain };
}

function mountState({ mount }: ObservedHugepages, { total }: Demand): HugepagesJudgement['mount'] {
  if (mount.found !== undefined) return mount.differences.length === 0 ? 'mounted' : 'other';
  if (total === 0) return 'not-needed';
  return mount.obstacle === undefined ? 'missing' : 'blocked';
}
