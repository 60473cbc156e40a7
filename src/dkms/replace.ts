// Puts a staged build into dkms's tree in place of an older one, so that it can be taken back until it is proved.
import type { Host } from '../host/host.ts';
import { clearStaging, stagedFolder, type Target } from './commands.ts';

/** Milliseconds for a copy from one file system to another. */
const COPY_LIMIT = 5 * 60_000;

/** A staged build that has taken an older one's place. */
export interface Replacement {
  /** The new build is proved: the older one goes. */
  keep(): void;
  /** The older build is in its place again, and dkms's link for the release leads where it led. */
  takeBack(): void;
}

/**
 * Moves a staged build into dkms's tree. dkms takes a module away before it puts the same version there again; where
 * the link of the release leads to the older build under another name, it writes the new one over the old and no
 * moment is without a module.
 * @throws what the file system says; the next run cleans up what is half done then
 */
export async function replaceBuild(host: Host, tree: string, target: Target): Promise<Replacement> {
  const { fs } = host;
  const folder = `${tree}/${target.packageName}`;
  const builds = `${target.version}/${target.release}`;
  const place = `${folder}/${builds}/${target.arch}`;
  const draft = `${folder}/${builds}/.ttkmd-${target.arch}`;
  const older = `${folder}/${builds}/.ttkmd-older-${target.arch}`;
  const link = `${folder}/kernel-${target.release}-${target.arch}`;
  const led = fs.readLink(link);

  fs.makeFolder(`${folder}/${builds}`);
  fs.removeTree(draft);
  fs.removeTree(older);
  await moveFolder(host, stagedFolder(target), draft);
  const isRebuild = fs.exists(place);
  if (isRebuild) fs.rename(place, older);
  if (isRebuild && led?.replace(/\/+$/, '').endsWith(`${builds}/${target.arch}`)) {
    fs.link(`${builds}/.ttkmd-older-${target.arch}`, link);
  }
  fs.rename(draft, place);
  clearStaging(host);

  return {
    keep() {
      try {
        fs.removeTree(older);
      } catch {
        // The next run cleans up; what is proved is not taken back for it.
      }
    },
    takeBack() {
      fs.removeTree(place);
      if (isRebuild) fs.rename(older, place);
      else fs.removeEmptyFolder(`${folder}/${builds}`);
      if (led === undefined) fs.remove(link);
      else if (fs.readLink(link) !== led) fs.link(led, link);
    },
  };
}

async function moveFolder(host: Host, from: string, to: string): Promise<void> {
  try {
    host.fs.rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    // The trees lie on two file systems; cp keeps modes and times better than we would.
    const copied = await host.exec.query('cp', ['-a', from, to], { timeLimit: COPY_LIMIT });
    if (copied.code === 0) return;
    host.fs.removeTree(to);
    const [why = ''] = copied.stderr.split('\n');
    const failure = new Error(`cannot copy the built module to ${to}: ${why}`);
    throw Object.assign(failure, why.endsWith('No space left on device') ? { code: 'ENOSPC' } : {});
  }
}
