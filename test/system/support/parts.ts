// The real parts of the system tests: kernels' headers and releases of dkms, from Debian's archive, in
// .cache/parts. They are unpacked there and never installed on the machine.

import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { aptForSuite, closure, listsMayBeOld, MACHINE_APT, searchNames, unpack, updateLists } from './apt.ts';
import { command } from './command.ts';
import { locked } from './lock.ts';
import { CACHE } from './project.ts';

/** A real kernel's headers. */
export interface KernelPart {
  /** Debian's release of it, e.g. `6.12.117+deb12-amd64`. */
  release: string;
  /** The version of the sources, e.g. `6.12.117`. */
  version: string;
  /** What a Gentoo kernel made of it is called unless a test says otherwise, e.g. `6.12.117-gentoo-dist`. */
  gentooRelease: string;
  /** A folder laid out like a root, with Debian's split headers and /usr/lib/modules/<release>. */
  root: string;
  /** The same kernel as one self-contained build tree without `.kernelvariables`, as Gentoo has it. */
  tree: string;
}

/** A real dkms: a folder laid out like a root, with its hooks. */
export interface DkmsPart {
  version: string;
  root: string;
}

export interface Parts {
  kernels: {
    /** The newest 6.1. */
    v61: KernelPart;
    /** The newest 6.12. */
    v612: KernelPart;
    /** The newest cloud flavour: a kernel without CONFIG_HWMON. */
    cloud: KernelPart;
    /** The oldest 6.1 that the archive still has. */
    older: KernelPart;
  };
  dkms: {
    /** Debian 12's, 3.0. */
    v30: DkmsPart;
    /** Debian 13's, 3.2: what Gentoo calls stable. */
    v32: DkmsPart;
  };
}

type KernelRole = keyof Parts['kernels'];

const FOLDER = join(CACHE, 'parts');
const INDEX = join(FOLDER, 'parts.json');

// Raised when what is made below changes, so that older caches are made anew.
const LAYOUT = 1;

// The first fetch takes up to a minute; a second asker waits for it rather than failing.
const LOCK_SECONDS = 900;

const DKMS_SUITE_OF_32 = 'trixie';

interface Index {
  layout: number;
  /** The header packages that each kernel came from. */
  packages: Record<KernelRole, string>;
  parts: Parts;
}

/** The parts that the global set-up made. */
export function parts(): Parts {
  const index = readIndex();
  if (index === undefined)
    throw new Error('the parts are missing: run the tests through "sh test/run.sh system"');
  return withExtraDkms(index.parts);
}

/** Makes sure that all parts are there. */
export async function ensureParts(log: (line: string) => void): Promise<Parts> {
  return withExtraDkms(await locked(join(FOLDER, 'lock'), LOCK_SECONDS, () => fetchMissing(log)));
}

async function fetchMissing(log: (line: string) => void): Promise<Parts> {
  try {
    return await fetchMissingOnce(log);
  } catch (error) {
    if (!listsMayBeOld(error) && !(error instanceof NoSuchKernel)) throw error;
    log('the package lists look old: apt-get update');
    await updateLists(MACHINE_APT);
    return await fetchMissingOnce(log);
  }
}

async function fetchMissingOnce(log: (line: string) => void): Promise<Parts> {
  const known = readIndex();
  const headers = await searchNames('^linux-headers-6.*amd64$');
  // Without package lists, what is in the cache is what there is.
  if (headers.length === 0 && known !== undefined) return known.parts;

  const packages = chooseKernels(headers);
  if (known !== undefined && JSON.stringify(known.packages) === JSON.stringify(packages)) return known.parts;

  await rm(INDEX, { force: true });
  const found: Parts = {
    kernels: {
      v61: await kernel(packages.v61, log),
      v612: await kernel(packages.v612, log),
      cloud: await kernel(packages.cloud, log),
      older: await kernel(packages.older, log),
    },
    dkms: { v30: await dkmsOfMachine(log), v32: await dkmsOfSuite(DKMS_SUITE_OF_32, log) },
  };
  await forgetOthers(Object.values(packages));
  const index: Index = { layout: LAYOUT, packages, parts: found };
  await writeFile(`${INDEX}.new`, `${JSON.stringify(index, null, 2)}\n`);
  await rename(`${INDEX}.new`, INDEX);
  return found;
}

function readIndex(): Index | undefined {
  if (!existsSync(INDEX)) return undefined;
  const index = JSON.parse(readFileSync(INDEX, 'utf8')) as Index;
  const folders = [
    ...Object.values(index.parts.kernels).flatMap((part) => [part.root, part.tree]),
    ...[index.parts.dkms.v30, index.parts.dkms.v32].map((part) => part.root),
  ];
  return index.layout === LAYOUT && folders.every((folder) => existsSync(folder)) ? index : undefined;
}

class NoSuchKernel extends Error {}

function chooseKernels(names: readonly string[]): Record<KernelRole, string> {
  // linux-headers-6.12-amd64 and its like have no release of their own: they only point at the newest.
  const pick = (pattern: RegExp, index: number): string => {
    const found = names.filter((name) => pattern.test(name)).sort(byVersion);
    const name = found.at(index);
    if (name === undefined)
      throw new NoSuchKernel(`apt knows no package like ${pattern}; Debian 12 has them`);
    return name;
  };
  const newest = (pattern: RegExp): string => pick(pattern, -1);
  // The oldest, since two neighbours are often one upstream version packaged twice.
  const oldest = (pattern: RegExp): string => pick(pattern, 0);
  return {
    v61: newest(/^linux-headers-6\.1\.\d+-\d+-amd64$/),
    v612: newest(/^linux-headers-6\.12\.[\w.+~]+-amd64$/),
    cloud: newest(/^linux-headers-6\.(?:1|12)\.[\w.+~-]+-cloud-amd64$/),
    older: oldest(/^linux-headers-6\.1\.\d+-\d+-amd64$/),
  };
}

function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

const KERNEL_PACKAGES = /^linux-(?:headers|kbuild|compiler)-/;

// The headers depend on the image only because dkms's users boot what they build for; 100 MB each.
const NOT_NEEDED = /^linux-(?:image|base|libc-dev)\b/;

async function kernel(headers: string, log: (line: string) => void): Promise<KernelPart> {
  const folder = join(FOLDER, 'kernels', headers);
  const release = headers.replace(/^linux-headers-/, '');
  const root = join(folder, 'root');
  const tree = join(folder, 'tree');
  if (!existsSync(tree)) {
    log(`fetching ${headers}`);
    await rm(folder, { recursive: true, force: true });
    await unpack(MACHINE_APT, await closure(headers, KERNEL_PACKAGES, NOT_NEEDED), root);
    await mergeHeaders(root, release, `${tree}.new`);
    await rename(`${tree}.new`, tree);
  }
  const version = await sourceVersion(tree);
  const flavour = release.includes('-cloud-') ? 'cloud' : 'dist';
  return { release, version, gentooRelease: `${version}-gentoo-${flavour}`, root, tree };
}

/**
 * Debian splits a kernel's headers into what all flavours share, one flavour's own, and the build
 * scripts. Gentoo has one tree, pruned after the build; this puts the three together as one.
 */
async function mergeHeaders(root: string, release: string, tree: string): Promise<void> {
  const own = join(root, 'usr/src', `linux-headers-${release}`);
  // The flavour's Makefile is one line: it includes the shared one by its absolute path.
  const shared = /^include (\S+)\/Makefile$/m.exec(await readFile(join(own, 'Makefile'), 'utf8'))?.[1];
  if (shared === undefined) throw new Error(`${own}/Makefile includes no shared Makefile`);
  const copy = (into: string, folder: string, names: readonly string[]): Promise<string> =>
    command(['cp', '-a', ...names.map((name) => join(folder, name)), join(tree, into)]);

  await mkdir(join(tree, 'arch'), { recursive: true });
  await copy('', join(root, shared), ['Makefile', 'include']);
  await copy('arch', join(root, shared), ['arch/x86']);
  await copy('', await kbuildFolder(root, release), ['scripts', 'tools', 'certs']);
  await copy('', own, ['arch', 'include', '.config', 'Module.symvers']);
}

async function kbuildFolder(root: string, release: string): Promise<string> {
  const lib = join(root, 'usr/lib');
  const kbuilds = (await readdir(lib)).filter((entry) => entry.startsWith('linux-kbuild-'));
  const [only] = kbuilds;
  if (only === undefined || kbuilds.length > 1)
    throw new Error(`${release}: one linux-kbuild was expected in ${lib}`);
  return join(lib, only);
}

async function sourceVersion(tree: string): Promise<string> {
  const header = await readFile(join(tree, 'include/generated/uapi/linux/version.h'), 'utf8');
  const code = Number(/LINUX_VERSION_CODE (\d+)/.exec(header)?.[1]);
  const sublevel = /LINUX_VERSION_SUBLEVEL (\d+)/.exec(header)?.[1] ?? String(code & 255);
  return `${code >> 16}.${(code >> 8) & 255}.${sublevel}`;
}

async function dkmsOfMachine(log: (line: string) => void): Promise<DkmsPart> {
  return dkms(join(FOLDER, 'dkms/machine'), async (root) => {
    log("fetching dkms of the machine's own suite");
    await unpack(MACHINE_APT, ['dkms'], root);
  });
}

async function dkmsOfSuite(suite: string, log: (line: string) => void): Promise<DkmsPart> {
  return dkms(join(FOLDER, 'dkms', suite), async (root) => {
    log(`fetching dkms of ${suite}`);
    const apt = await aptForSuite(suite, join(FOLDER, 'apt', suite));
    await updateLists(apt);
    await unpack(apt, ['dkms'], root);
  });
}

async function dkms(folder: string, fetch: (root: string) => Promise<void>): Promise<DkmsPart> {
  if (!existsSync(folder)) {
    await rm(`${folder}.new`, { recursive: true, force: true });
    await fetch(`${folder}.new`);
    await rename(`${folder}.new`, folder);
  }
  return { version: await dkmsVersion(folder), root: folder };
}

async function dkmsVersion(root: string): Promise<string> {
  const printed = await command(['bash', join(root, 'usr/sbin/dkms'), '--version']);
  return /\d+\.\d+(?:\.\d+)?/.exec(printed)?.[0] ?? printed.trim();
}

function withExtraDkms(found: Parts): Parts {
  const root = process.env.TTKMD_TEST_DKMS;
  if (!root) return found;
  const script = join(root, 'usr/sbin/dkms');
  if (!existsSync(script)) throw new Error(`TTKMD_TEST_DKMS=${root}: it has no usr/sbin/dkms`);
  const version = /dkms-(\d[\w.]*)/.exec(readFileSync(script, 'utf8'))?.[1] ?? 'unknown';
  return { ...found, dkms: { ...found.dkms, v32: { version, root } } };
}

/** Kernels that are no longer the newest would otherwise pile up, 200 MB each. */
async function forgetOthers(kept: readonly string[]): Promise<void> {
  const folder = join(FOLDER, 'kernels');
  for (const name of await readdir(folder)) {
    if (!kept.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
