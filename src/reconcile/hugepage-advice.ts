// The kernel command line that makes the pages sure, for this machine.

import type { Host } from '../host/host.ts';
import { commandLineAdvice, observeCommandLine } from '../hugepages/command-line.ts';
import { commandLineWords } from '../hugepages/command-line-words.ts';
import { judgeHugepages } from './judge-hugepages.ts';
import type { Observation } from './observation.ts';

type Seen = Pick<Observation, 'hugepages' | 'config' | 'devices' | 'kernels' | 'runningRelease'>;

/** What to add to it, and where this machine keeps it. */
function findAdvice({ fs }: Host, { hugepages, config, devices, kernels, runningRelease }: Seen): string {
  if (hugepages === undefined) return 'look again: ttkmdctl hugepages status';
  const { demand } = judgeHugepages(hugepages, config, devices);
  const running = kernels.find((one) => one.running);
  const place = observeCommandLine(
    fs,
    running && {
      release: running.release,
      image: running.image,
      package: running.origin.kind === 'dist-kernel' ? running.origin.package : undefined,
      ownLineOnly: running.configuration.CMDLINE_OVERRIDE === 'y',
    },
  );
  const words = commandLineWords(hugepages.nodes, demand.pages, runningRelease, place.given);
  return commandLineAdvice(words, place);
}

/** Looked for only where pages are missing: it is of no interest to anybody else. */
export function adviceWhereShort(host: Host, seen: Seen): string | undefined {
  if (seen.hugepages === undefined) return undefined;
  const { demand, present } = judgeHugepages(seen.hugepages, seen.config, seen.devices);
  return present < demand.total ? findAdvice(host, seen) : undefined;
}
