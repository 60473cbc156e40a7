// Puts right what a killed or half-done dkms left in its tree, where dkms itself would stumble over it.
import type { Host } from '../host/host.ts';
import type { Target } from './commands.ts';
import { builtModules, type DkmsObservation } from './tree.ts';

/** One thing in dkms's tree, or in ours, that is not as it is left by what ends well. */
export interface Remains {
  readonly what: 'build-folder' | 'temporary-folder' | 'dangling-link' | 'half-added' | 'own' | 'kept-module';
  readonly path: string;
  readonly text: string;
}

/**
 * What is left in the tree of a package: only looked for where nobody runs dkms, whose work it could be.
 * @param packageName the package's folder in the tree
 */
export function findRemains(host: Pick<Host, 'fs'>, dkms: DkmsObservation, packageName: string): Remains[] {
  const { fs } = host;
  const folder = `${dkms.tree}/${packageName}`;
  const remains: Remains[] = [];
  for (const { version, source, sourceExists, built } of dkms.versions) {
    const path = `${folder}/${version}`;
    const isActive = dkms.active.some((one) => one.version === version && !one.dangling);
    if (!sourceExists && built.length === 0 && !isActive) {
      const why = source === undefined ? 'it was never fully added' : `its source ${source} is gone`;
      remains.push({
        what: 'half-added',
        path,
        text: `dkms's record of ${packageName} ${version} is empty: ${why}`,
      });
      continue;
    }
    // Freshly added versions have an empty build folder.
    if (fs.list(`${path}/build`).length > 0) {
      remains.push({
        what: 'build-folder',
        path: `${path}/build`,
        text: `${path}/build is left from a build that was killed`,
      });
    }
    // `source` is a link into the driver's own folder, where nothing is ours to remove.
    for (const release of fs.list(path).filter((name) => name !== 'source' && name !== 'build')) {
      for (const name of fs.list(`${path}/${release}`).filter((one) => /^\.(tmp_|ttkmd-)/.test(one))) {
        remains.push({
          what: 'temporary-folder',
          path: `${path}/${release}/${name}`,
          text: `${path}/${release}/${name} is left from a build that was killed`,
        });
      }
    }
  }
  for (const link of dkms.active.filter((one) => one.dangling)) {
    const path = `${folder}/kernel-${link.release}-${link.arch}`;
    remains.push({
      what: 'dangling-link',
      path,
      text: `${path} leads nowhere, which makes dkms autoinstall fail`,
    });
  }
  return remains;
}

/** Takes one of them away. */
export function removeRemains(host: Pick<Host, 'fs'>, remains: Remains): void {
  if (remains.what === 'dangling-link') host.fs.remove(remains.path);
  else host.fs.removeTree(remains.path);
}

/**
 * Takes a release out of dkms's records by hand: for a kernel whose folder is gone, where dkms itself would
 * ask depmod to run over nothing and fail.
 */
export function dropRelease(
  host: Pick<Host, 'fs'>,
  dkms: DkmsObservation,
  packageName: string,
  release: string,
): void {
  const folder = `${dkms.tree}/${packageName}`;
  for (const link of dkms.active.filter((one) => one.release === release)) {
    host.fs.remove(`${folder}/kernel-${link.release}-${link.arch}`);
  }
  for (const { version, built } of dkms.versions) {
    if (built.some((one) => one.release === release)) host.fs.removeTree(`${folder}/${version}/${release}`);
  }
  dropOriginal(host, dkms, packageName, release);
}

/**
 * Leads a version's record to its source again: for one that had gone and is back, or whose link was never
 * made, which dkms calls broken and refuses to add.
 */
export function relinkSource(
  host: Pick<Host, 'fs'>,
  dkms: DkmsObservation,
  packageName: string,
  version: string,
): void {
  host.fs.link(`/usr/src/${packageName}-${version}`, `${dkms.tree}/${packageName}/${version}/source`);
}

/**
 * Makes dkms take a module for installed that is: gives it the file as the one that it has built, where it has none,
 * and then the link, as `dkms install` does in the end.
 */
export function recordInstalled(
  host: Pick<Host, 'fs'>,
  dkms: DkmsObservation,
  target: Target,
  module: string,
): void {
  const { fs } = host;
  const { packageName, version, release, arch } = target;
  const folder = `${dkms.tree}/${packageName}`;
  const place = `${folder}/${version}/${release}/${arch}`;
  if (builtModules(fs, place).length === 0) {
    const draft = `${folder}/${version}/${release}/.ttkmd-${arch}`;
    fs.removeTree(draft);
    fs.copy(module, `${draft}/module/${module.slice(module.lastIndexOf('/') + 1)}`);
    fs.removeTree(place);
    fs.rename(draft, place);
  }
  fs.link(`${version}/${release}/${arch}`, `${folder}/kernel-${release}-${arch}`);
}

/** Removes what dkms put aside as a kernel's original module, where that was a module of ours. */
function dropOriginal(
  host: Pick<Host, 'fs'>,
  dkms: DkmsObservation,
  packageName: string,
  release: string,
): void {
  const folder = `${dkms.tree}/${packageName}/original_module`;
  host.fs.removeTree(`${folder}/${release}`);
  host.fs.removeEmptyFolder(folder);
}

/** Takes a version out of dkms's records by hand: for a source that is gone, without which dkms refuses. */
export function dropVersion(
  host: Pick<Host, 'fs'>,
  dkms: DkmsObservation,
  packageName: string,
  version: string,
): void {
  host.fs.removeTree(`${dkms.tree}/${packageName}/${version}`);
  for (const link of dkms.active.filter((one) => one.version === version)) {
    host.fs.remove(`${dkms.tree}/${packageName}/kernel-${link.release}-${link.arch}`);
  }
  host.fs.removeEmptyFolder(`${dkms.tree}/${packageName}`);
}
