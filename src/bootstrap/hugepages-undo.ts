// Gives back the hugepages that ttkmd had allocated, and their mount, once no driver uses them.
import { loadConfig } from '../config/load.ts';
import { observeLoaded } from '../driver/loaded.ts';
import type { Host } from '../host/host.ts';
import { givePagesBack } from '../hugepages/allocate.ts';
import { nodeName, pagesText } from '../hugepages/hugepages.ts';
import { mountAt } from '../hugepages/mount-table.ts';
import { observeHugepages } from '../hugepages/observe.ts';
import { loadState } from '../state/state.ts';
import type { UndoBench, UndoReport } from './undo.ts';

/** Milliseconds for umount, which waits for nobody. */
const LIMIT = 60_000;

/** Undefined where there is nothing to give back any more, as after a reboot. */
export function describeHugepages(host: Pick<Host, 'fs' | 'machine'>, path: string): UndoReport | undefined {
  if (host.machine.chrooted) return undefined;
  const pages = ours(host).reduce((sum, { count }) => sum + count, 0);
  const isMounted = mounted(host, path);
  if (pages === 0 && !isMounted) return undefined;
  const what = [...(pages > 0 ? [pagesText(pages)] : []), ...(isMounted ? [`the mount of ${path}`] : [])];
  return { kind: 'remove', text: `${what.join(' and ')}, as far as nobody uses them` };
}

export async function giveHugepagesBack(
  { host, hands, onLine }: UndoBench,
  path: string,
): Promise<UndoReport> {
  if (observeLoaded(host.fs) !== undefined)
    return { kind: 'keep', text: 'hugepages: the driver is loaded and uses them until the next boot' };
  if (mounted(host, path)) {
    const argv = ['umount', path];
    const { code } = await hands.run({ kind: 'run', argv, timeLimit: LIMIT }, onLine);
    if (code !== 0) return { kind: 'keep', text: `hugepages: ${path} is in use` };
  }
  const { reserved } = look(host);
  let given = 0;
  const kept: string[] = [];
  for (const { node, folder, count } of ours(host)) {
    const back = givePagesBack(host, folder, count, reserved);
    given += back.given;
    if (back.given < count) kept.push(`${pagesText(count - back.given)} on ${nodeName(node)}`);
  }
  const rest =
    kept.length === 0 ? '' : `; somebody uses ${kept.join(' and ')}, which stay until the next boot`;
  return { kind: 'remove', text: `${pagesText(given)} and the mount of ${path}${rest}` };
}

/** Of those that the kernel keeps, at most as many as it was asked for by us since boot. */
function ours(host: Pick<Host, 'fs' | 'machine'>) {
  const { nodes, asked } = look(host);
  return nodes.flatMap(({ node, folder, allocated }) => {
    const count = Math.min(allocated, asked[nodeName(node)] ?? 0);
    return folder === undefined || count === 0 ? [] : [{ node, folder, count }];
  });
}

function look({ fs, machine }: Pick<Host, 'fs' | 'machine'>) {
  const settings = loadConfig(fs).config.hugepages;
  return observeHugepages(fs, {
    settings,
    arch: machine.arch,
    asked: loadState(fs).pages,
    driverVersion: undefined,
  });
}

function mounted({ fs }: Pick<Host, 'fs'>, path: string): boolean {
  return mountAt(fs.readText('/proc/self/mountinfo') ?? '', path)?.type === 'hugetlbfs';
}
