// What a run of ours that was killed has left.
import { STAGING } from '../dkms/commands.ts';
import type { Remains } from '../dkms/mend.ts';
import { findKept } from '../driver/kept.ts';
import type { HostFs } from '../host/fs.ts';
import { ARCHIVE_FOLDER } from '../kernels/archive.ts';
import { UNPACKED } from '../kernels/unpack-archive.ts';
import { BUILD_LOGS } from '../state/build-logs.ts';
import { runUnderWay } from '../state/run.ts';
import { STATE_FOLDER, type State } from '../state/state.ts';
import type { ObservedModule } from './observation.ts';

/** What a killed run of ours left: a staged build and half-written files. Nobody else writes there. */
export function ownRemains(
  fs: HostFs,
  state: State,
  modules: ReadonlyMap<string, ObservedModule>,
): Remains[] {
  if (runUnderWay(fs) !== undefined) return [];
  const drafts = [STATE_FOLDER, BUILD_LOGS, ARCHIVE_FOLDER].flatMap((folder) =>
    fs.list(folder).flatMap((name) => (isLeft(fs, name) ? [`${folder}/${name}`] : [])),
  );
  const staged = [STAGING, UNPACKED].filter((path) => fs.exists(path));
  const own = (path: string): Remains => ({
    what: 'own',
    path,
    text: `${path} is left from a run that was killed`,
  });
  return [...[...staged, ...drafts].map(own), ...keptModules(fs, state, modules, own)];
}

/** What one of ours is writing just now, a command that only looks among them, is not left behind. */
function isLeft(fs: HostFs, name: string): boolean {
  const pid = /^\..+\.(\d+)\.new$/.exec(name)?.[1];
  if (pid === undefined) return false;
  return Number(pid) === process.pid || !(fs.readText(`/proc/${pid}/cmdline`) ?? '').includes('ttkmd');
}

/** The module as it was before an installation that was killed: put back where that had got no further. */
function keptModules(
  fs: HostFs,
  { intent }: State,
  modules: ReadonlyMap<string, ObservedModule>,
  worthless: (path: string) => Remains,
): Remains[] {
  if (intent?.step !== 'install') return [];
  const module = modules.get(intent.release);
  const lost = module === undefined || module.broken !== undefined;
  return findKept(fs, intent.release, intent.kept).map((path) =>
    lost
      ? { what: 'kept-module', path, text: `the module of ${intent.release} is to be put back` }
      : worthless(path),
  );
}
