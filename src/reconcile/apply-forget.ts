// A kernel that is gone: out of dkms's records and ours, and what we had in its folder with it.
import { makeIndex } from '../dkms/commands.ts';
import { dropRelease } from '../dkms/mend.ts';
import { observeDkms } from '../dkms/tree.ts';
import { leftModules } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { without } from '../state/state.ts';
import { forgetArchive } from './apply-archive.ts';
import type { Step } from './step.ts';
import { type Outcome, remember, type Work } from './work.ts';

/**
 * Takes a kernel that is gone out of dkms's records and ours, and our module out of the folder that is left.
 * What others put into that folder stays.
 */
export async function applyForget(work: Work, step: Extract<Step, { kind: 'forget' }>): Promise<Outcome> {
  const { host } = work;
  const { release } = step;
  const folder = `/lib/modules/${release}`;
  remember(work, { intent: { release, version: '', step: 'forget' } });
  forgetArchive(work, release);
  dropRelease(host, observeDkms(host.fs, PACKAGE, work.observation.arch), PACKAGE, release);
  const modules = leftModules(host.fs, release);
  for (const path of modules) {
    host.fs.remove(path);
    removeEmptyUpTo(work, path, folder);
  }
  removeIndexOfNothing(work, folder);
  // What others have there is still to be found, and ours no more.
  const hasIndex = modules.length > 0 && host.fs.exists(`${folder}/modules.dep`);
  const failure = hasIndex ? await makeIndex(host, release) : undefined;
  if (failure !== undefined) {
    const [why = ''] = failure.split('\n');
    return {
      outcome: 'failed',
      text: `depmod failed: ${why}`,
      hint: `see for yourself: depmod -a ${release}`,
    };
  }
  remember(work, {
    modules: without(work.state.modules, release),
    failures: without(work.state.failures, release),
    origins: without(work.state.origins, release),
    archives: without(work.state.archives ?? {}, release),
    intent: undefined,
  });
  return { outcome: 'done', text: 'forgotten' };
}

function removeEmptyUpTo(work: Work, path: string, top: string): void {
  let folder = path.slice(0, path.lastIndexOf('/'));
  while (folder.startsWith(`${top}/`) && work.host.fs.removeEmptyFolder(folder)) {
    folder = folder.slice(0, folder.lastIndexOf('/'));
  }
}

/** Depmod's index and a link that leads nowhere are all that is left of many a kernel: the folder goes with them. */
function removeIndexOfNothing(work: Work, folder: string): void {
  const { fs } = work.host;
  const names = fs.list(folder);
  const worthless = (name: string): boolean =>
    /^modules\.(dep|alias|symbols|softdep|devname|weakdep)(\.bin)?$|^modules\.builtin\.(alias\.)?bin$/.test(
      name,
    ) ||
    ((name === 'build' || name === 'source') &&
      fs.readLink(`${folder}/${name}`) !== undefined &&
      !fs.exists(`${folder}/${name}`));
  if (!names.every(worthless)) return;
  for (const name of names) fs.remove(`${folder}/${name}`);
  fs.removeEmptyFolder(folder);
}
