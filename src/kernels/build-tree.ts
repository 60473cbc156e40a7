// Is a build tree ready to build modules against, and if not, what exactly is missing.
import type { HostFs } from '../host/fs.ts';
import { readConfiguration } from './configuration.ts';
import type { BuildTree, Configuration, Missing } from './kernel.ts';

export interface BuildTreeFacts {
  readonly tree: BuildTree;
  readonly configuration: Configuration;
  readonly abiIdentity: string | undefined;
  /** The first line of the file `dist-kernel`, which only Portage's kernel packages write. */
  readonly distKernel: string | undefined;
}

/** As the kernel calls it. */
const RANDSTRUCT_SEED = 'RANDSTRUCT_HASHED_SEED';

const NO_FACTS = { configuration: {}, abiIdentity: undefined, distKernel: undefined };

/** The build tree that `/lib/modules/<release>/build` leads to. */
export function observeBuildTree(fs: HostFs, release: string, modulesFolder: string): BuildTreeFacts {
  const link = `${modulesFolder}/build`;
  const info = fs.lstat(link);
  if (info === undefined) {
    return without({
      code: 'no-build-link',
      text: `${link} is missing: the kernel's headers are not installed`,
    });
  }
  const real = fs.realPath(link);
  if (real === undefined) {
    const target = fs.readLink(link) ?? '?';
    return without({
      code: 'dangling-build-link',
      text: `${link} leads to ${target}, which is gone: the kernel's headers were removed`,
    });
  }
  const other = otherRelease(fs, real, release);
  return other === undefined ? examineTree(fs, real, release) : without(other);
}

/** Links follow `/usr/src/linux` to another kernel's tree, which says nothing of this one. */
function otherRelease(fs: HostFs, path: string, release: string): Missing | undefined {
  const built = treeRelease(fs, path);
  if (built !== undefined) return built === release ? undefined : headersOf(path, built);
  const version = makefileVersion(fs, path);
  // 6.12.5 is no beginning of 6.12.58.
  const isOwn =
    version === undefined || (release.startsWith(version) && !/^[\d.]/.test(release.slice(version.length)));
  return isOwn ? undefined : { code: 'other-release', text: `${path} holds the sources of ${version}` };
}

function headersOf(path: string, release: string): Missing {
  return { code: 'other-release', text: `${path} holds the headers of ${release}` };
}

/**
 * What a folder lacks of a build tree for a release. What is needed: the Makefile, the configuration as make
 * reads it, the release header, modpost, and the symbol versions where the kernel checks them.
 */
export function examineTree(fs: HostFs, path: string, release: string): BuildTreeFacts {
  const missing: Missing[] = [];
  if (!fs.exists(`${path}/Makefile`))
    missing.push({ code: 'no-makefile', text: `${path}/Makefile is missing` });

  const autoConf = `${path}/include/config/auto.conf`;
  const text = fs.readText(autoConf);
  if (text === undefined) missing.push(configurationMissing(fs, path, autoConf));
  const configuration = withSeed(fs, path, readConfiguration(text ?? fs.readText(`${path}/.config`) ?? ''));

  if (text !== undefined) missing.push(...generatedMissing(fs, path, release, configuration));
  return {
    tree: { path, ready: missing.length === 0, missing },
    configuration,
    abiIdentity: text === undefined ? undefined : abiIdentity(fs, path),
    distKernel: distKernelOf(fs, path),
  };
}

/**
 * Where a kernel's structures are laid out at random, the seed belongs to its configuration, and is in no option: each
 * build from clean sources has another.
 */
function withSeed(fs: HostFs, path: string, configuration: Configuration): Configuration {
  if (configuration.RANDSTRUCT !== 'y' && configuration.GCC_PLUGIN_RANDSTRUCT !== 'y') return configuration;
  const seed = ['randstruct_hash.h', 'randomize_layout_hash.h']
    .map((name) => fs.readText(`${path}/include/generated/${name}`)?.match(/HASHED_SEED\s+"(\w+)"/)?.[1])
    .find((one) => one !== undefined);
  return seed === undefined ? configuration : { ...configuration, [RANDSTRUCT_SEED]: seed };
}

/** The package that a tree came from, where that is a dist-kernel's. */
export function distKernelOf(fs: HostFs, path: string): string | undefined {
  return fs.readText(`${path}/dist-kernel`)?.split('\n')[0]?.trim() || undefined;
}

/** The release that a tree was made for: the header that make writes it to, or undefined where it has not yet. */
export function treeRelease(fs: HostFs, path: string): string | undefined {
  const header = fs.readText(`${path}/include/generated/utsrelease.h`);
  const fromHeader = header?.match(/UTS_RELEASE\s+"([^"]+)"/)?.[1];
  return fromHeader ?? (fs.readText(`${path}/include/config/kernel.release`)?.trim() || undefined);
}

/** The version that a tree's Makefile begins with, as `6.12.58-gentoo`; undefined where it has none of its own. */
export function makefileVersion(fs: HostFs, path: string): string | undefined {
  const makefile = fs.readText(`${path}/Makefile`) ?? '';
  const number = (name: string): string =>
    makefile.match(new RegExp(`^${name}[ \\t]*=[ \\t]*(.*)$`, 'm'))?.[1]?.trim() ?? '';
  const [version, patchLevel, subLevel] = ['VERSION', 'PATCHLEVEL', 'SUBLEVEL'].map(number);
  if (!version || !patchLevel) return undefined;
  return `${version}.${patchLevel}${subLevel ? `.${subLevel}` : ''}${number('EXTRAVERSION')}`;
}

function configurationMissing(fs: HostFs, path: string, autoConf: string): Missing {
  if (fs.denied.has(autoConf))
    return { code: 'unreadable', text: `${autoConf} may not be read by this user` };
  return fs.exists(`${path}/.config`)
    ? { code: 'not-prepared', text: `${autoConf} is missing: configured, but not built or prepared yet` }
    : { code: 'not-configured', text: `${autoConf} is missing: not configured yet` };
}

function generatedMissing(
  fs: HostFs,
  path: string,
  release: string,
  configuration: Configuration,
): Missing[] {
  const missing: Missing[] = [];
  const found = treeRelease(fs, path);
  if (found === undefined) {
    missing.push({
      code: 'not-prepared',
      text: `${path}/include/generated/utsrelease.h is missing: not built yet`,
    });
  } else if (found !== release) {
    missing.push(headersOf(path, found));
  }
  if (!fs.exists(`${path}/scripts/mod/modpost`)) {
    missing.push({
      code: 'no-modpost',
      text: `${path}/scripts/mod/modpost is missing: not built or prepared yet`,
    });
  }
  if (configuration.MODVERSIONS === 'y' && !fs.exists(`${path}/Module.symvers`)) {
    missing.push({
      code: 'no-symvers',
      text: `${path}/Module.symvers is missing, and this kernel checks symbol versions: build it with "make modules"`,
    });
  }
  return missing;
}

/** Files whose change under the same release makes installed modules suspect. */
export const ABI_FILES = ['include/config/auto.conf', 'Module.symvers'] as const;

/** Sizes and times of these files, which tell at little cost whether they may have changed. */
export function abiIdentity(fs: HostFs, path: string): string {
  return ABI_FILES.map((name) => {
    const info = fs.stat(`${path}/${name}`);
    return info === undefined ? '-' : `${info.size}.${Math.floor(info.modified)}`;
  }).join(' ');
}

function without(missing: Missing): BuildTreeFacts {
  return { tree: { path: undefined, ready: false, missing: [missing] }, ...NO_FACTS };
}
