// dkms's own records, read from its tree: asking the command costs seconds when there are many kernels.
import type { HostFs } from '../host/fs.ts';
import { type Framework, readFramework } from './framework.ts';

/** A version of the driver that dkms knows. */
export interface DkmsVersion {
  readonly version: string;
  /** Where its `source` link leads, whether or not that is there. */
  readonly source: string | undefined;
  readonly sourceExists: boolean;
  /** Releases that it was built for. */
  readonly built: readonly { readonly release: string; readonly arch: string }[];
}

/** A release that dkms takes for installed: its link `kernel-<release>-<arch>`. */
export interface DkmsActive {
  readonly release: string;
  readonly arch: string;
  readonly version: string;
  /** The link leads nowhere; dkms's autoinstall fails over such links. */
  readonly dangling: boolean;
}

export interface DkmsObservation extends Framework {
  /** The command's path; undefined where dkms is not installed. */
  readonly command: string | undefined;
  readonly versions: readonly DkmsVersion[];
  readonly active: readonly DkmsActive[];
}

/** dkms's records of a package. Its tree looks the same in dkms 3.0 to 3.4. */
export function observeDkms(fs: HostFs, packageName: string, arch: string): DkmsObservation {
  const framework = readFramework(fs);
  const folder = `${framework.tree}/${packageName}`;
  const names = fs.list(folder);
  return {
    command: ['/usr/sbin/dkms', '/usr/bin/dkms', '/usr/local/sbin/dkms'].find((path) => fs.exists(path)),
    ...framework,
    versions: names
      .filter((name) => !name.startsWith('kernel-') && name !== 'original_module' && !name.startsWith('.'))
      .filter((name) => fs.lstat(`${folder}/${name}`)?.kind === 'folder')
      .map((name) => observeVersion(fs, `${folder}/${name}`, name)),
    active: names
      .filter((name) => name.startsWith('kernel-'))
      .flatMap((name) => observeActive(fs, folder, name, arch)),
  };
}

function observeVersion(fs: HostFs, folder: string, version: string): DkmsVersion {
  const link = `${folder}/source`;
  const built = fs.list(folder).flatMap((release) => {
    if (release === 'build' || release === 'source' || release.startsWith('.')) return [];
    return fs
      .list(`${folder}/${release}`)
      .filter((arch) => !arch.startsWith('.') && fs.exists(`${folder}/${release}/${arch}/module`))
      .map((arch) => ({ release, arch }));
  });
  return { version, source: fs.readLink(link), sourceExists: fs.exists(`${link}/dkms.conf`), built };
}

function observeActive(fs: HostFs, folder: string, name: string, arch: string): DkmsActive[] {
  const target = fs.readLink(`${folder}/${name}`);
  if (target === undefined) return [];
  const parts = target.split('/').filter((part) => part !== '');
  const linkArch = parts.at(-1) ?? arch;
  const suffix = name.endsWith(`-${linkArch}`) ? linkArch : arch;
  return [
    {
      release: name.slice('kernel-'.length, -(suffix.length + 1)),
      arch: suffix,
      version: parts.at(-3) ?? '',
      dangling: !fs.exists(`${folder}/${name}`),
    },
  ];
}

/** Where dkms keeps what it has built for a release, of each version. */
export function builtFor(
  { tree, versions }: DkmsObservation,
  packageName: string,
  release: string,
): { version: string; folder: string }[] {
  return versions.flatMap(({ version, built }) =>
    built
      .filter((one) => one.release === release)
      .map(({ arch }) => ({ version, folder: `${tree}/${packageName}/${version}/${release}/${arch}` })),
  );
}

/** The modules that were built for a release, in a tree. */
export function builtModules(fs: HostFs, builtFolder: string): string[] {
  return fs
    .list(`${builtFolder}/module`)
    .filter((name) => /\.ko(\.(gz|xz|zst))?$/.test(name))
    .map((name) => `${builtFolder}/module/${name}`);
}
