// Looks at what modprobe would load after an installation, at the file and not at dkms's word.
import { builtFolder } from '../dkms/commands.ts';
import { builtModules } from '../dkms/tree.ts';
import type { InstalledModule } from '../driver/driver.ts';
import { findModule, readModule, resolveModule, strayModules } from '../driver/installed.ts';
import { unreadablePacking } from '../driver/packing.ts';
import { PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { fileHash } from '../host/hash.ts';
import { signatureFlaw } from './apply-signing.ts';
import { symbolsMismatch } from './check-modules.ts';
import type { Step } from './step.ts';
import { findKernel, target } from './target.ts';
import type { Work } from './work.ts';

type InstallStep = Extract<Step, { kind: 'install' }>;

export interface Flaw {
  readonly code:
    | 'install-flawed'
    | 'not-accepted'
    | 'not-found'
    | 'shadowed'
    | 'not-indexed'
    | 'unreadable-packing';
  readonly headline: string;
  readonly hint: string;
  /** It does not go away by itself: another file is in the way, or depmod does not look where ours is. */
  readonly shadowed: boolean;
  /** Another try gives the same as long as the kernel and the driver source are the same. */
  readonly lasting?: boolean;
}

/** The module that modprobe would load, which has to be the one that was built; or what is wrong. */
export async function verify(work: Work, step: InstallStep): Promise<Flaw | InstalledModule> {
  const module = await resolveModule(work.host, step.release);
  if (module === undefined) return (await packedFlaw(work, step)) ?? notFound(step);
  return (
    (await packedFlaw(work, step, module)) ??
    flawOf(step, module) ??
    (await strangerFlaw(work, step, module)) ??
    unacceptedFlaw(work, step, module) ??
    // The build's own look has compared the very same file.
    (isCopy(work, step, module) ? undefined : await symbolsFlaw(work, step, module)) ??
    (await indexFlaw(work, step, module)) ??
    module
  );
}

function notFound({ release }: InstallStep): Flaw {
  return {
    code: 'not-found',
    headline: `installed, but modprobe would find no module for ${release}`,
    hint: `see where depmod looks: grep -r search /etc/depmod.d /usr/lib/depmod.d, then: depmod -a ${release}`,
    shadowed: true,
  };
}

/** kmod says no more than that it cannot read what it cannot unpack, or nothing at all. */
async function packedFlaw(
  { host }: Work,
  { release }: InstallStep,
  module?: InstalledModule,
): Promise<Flaw | undefined> {
  if (module !== undefined && module.broken === undefined) return undefined;
  const path = module?.path ?? findModule(host.fs, release);
  const packing = path === undefined ? undefined : await unreadablePacking(host, path);
  if (packing === undefined) return undefined;
  return {
    code: 'unreadable-packing',
    headline: `installed as ${path}, but the kmod that is installed cannot read .${packing.ending} files`,
    hint: packing.hint,
    shadowed: false,
  };
}

function flawOf({ release }: InstallStep, module: InstalledModule): Flaw | undefined {
  const unusable = module.broken ?? module.unread;
  if (unusable === undefined) return undefined;
  return {
    code: 'install-flawed',
    headline: `installed, but ${module.path}: ${unusable}`,
    hint: `see what modprobe would load: modinfo -k ${release} ${PACKAGE}`,
    shadowed: false,
  };
}

/** What is wrong where modprobe would load another file than the one that was built. */
async function strangerFlaw(
  work: Work,
  step: InstallStep,
  module: InstalledModule,
): Promise<Flaw | undefined> {
  const { release, version } = step;
  const { abiIdentity, configuration } = findKernel(work, release);
  // A tree from the archive is gone by now; what was built in it was looked at before.
  const known = abiIdentity === undefined ? undefined : configuration;
  const mismatch = vermagicMismatch(module, release, known);
  const differs = module.version !== undefined && module.version !== version;
  if (differs) return shadowed(work, step, module, `version ${module.version}`);
  if (mismatch !== undefined) return shadowed(work, step, module, mismatch);
  return (await isBuilt(work, step, module))
    ? undefined
    : shadowed(work, step, module, `another build of ${version}`);
}

/**
 * Whether a module is what dkms has just built and copies as it is. Where somebody signs or packs it on the way, no
 * file is the same, and the checksum of its source is what stays with it.
 */
async function isBuilt(work: Work, step: InstallStep, module: InstalledModule): Promise<boolean> {
  const { fs } = work.host;
  const built = builtFile(work, step);
  if (built === undefined || isCopy(work, step, module)) return true;
  const hash = fileHash(fs, built);
  if (strayModules(fs, step.release).some((path) => fileHash(fs, path) === hash)) return false;
  const { sourceVersion } = await readModule(work.host, step.release, built);
  const isKnown = sourceVersion !== undefined && module.sourceVersion !== undefined;
  return !isKnown || sourceVersion === module.sourceVersion;
}

/** What dkms keeps of the build. */
function builtFile({ host, observation }: Work, step: InstallStep): string | undefined {
  return builtModules(host.fs, builtFolder(observation.dkms.tree, target({ observation }, step)))[0];
}

/** The module is what was built, bit by bit. */
function isCopy(work: Work, step: InstallStep, { path }: InstalledModule): boolean {
  const { fs } = work.host;
  const built = builtFile(work, step);
  return built !== undefined && fileHash(fs, built) === fileHash(fs, path);
}

async function symbolsFlaw(
  work: Work,
  { release }: InstallStep,
  { path }: InstalledModule,
): Promise<Flaw | undefined> {
  const mismatch = await symbolsMismatch(work.host, findKernel(work, release), path);
  if (mismatch === undefined) return undefined;
  return {
    code: 'install-flawed',
    headline: `installed, but the kernel would refuse ${path}: ${mismatch}`,
    hint: `build tree and kernel have to be of one build: see with ttkmdctl status --explain ${release}`,
    shadowed: false,
    lasting: true,
  };
}

function unacceptedFlaw(work: Work, { release }: InstallStep, module: InstalledModule): Flaw | undefined {
  const why = signatureFlaw(work, release, module);
  if (why === undefined) return undefined;
  return {
    code: 'not-accepted',
    headline: `installed, but ${module.path}: ${why}`,
    hint: `see which key signs here, and which this kernel trusts: ttkmdctl signing status; once nobody signs it anew: ttkmdctl reconcile --kernel ${release}`,
    shadowed: false,
    lasting: true,
  };
}

/** depmod's index has to know the module by the devices that it is for: udev finds it so. */
async function indexFlaw(
  { host }: Work,
  { release }: InstallStep,
  { path, aliases = [] }: InstalledModule,
): Promise<Flaw | undefined> {
  const lacking = (what: string): Flaw => ({
    code: 'not-indexed',
    headline: `installed, but ${what} in /lib/modules/${release} does not know ${path}`,
    hint: `make the index anew: depmod -a ${release}, then as root: ttkmdctl reconcile`,
    shadowed: false,
  });
  const listed = findModule(host.fs, release);
  if (listed === undefined || host.fs.realPath(listed) !== host.fs.realPath(path))
    return lacking('modules.dep');
  const alias = aliases.find((one) => one.startsWith('pci:'));
  if (alias === undefined) return undefined;
  // modprobe reads the binary index, as udev does. What modprobe.d says of these devices is the admin's to say, as
  // that vfio-pci takes them: the index is asked alone.
  const { stdout } = await host.exec.query('modprobe', ['-S', release, '-C', '/dev/null', '-R', alias]);
  return stdout.split('\n').includes(PACKAGE) ? undefined : lacking('modules.alias');
}

function shadowed(work: Work, { release }: InstallStep, { path }: InstalledModule, what: string): Flaw {
  const others = strayModules(work.host.fs, release).filter((one) => one !== path);
  const ours = others.length === 0 ? '' : ` (${others.join(', ')})`;
  return {
    code: 'shadowed',
    headline: `modprobe would load ${path} (${what}) and not what was installed${ours}`,
    hint: `see whose it is: qfile ${path}, or dpkg -S ${path}; unmerge that package or remove the file, then: depmod -a ${release}. If both are to stay, depmod.d(5) has the order`,
    shadowed: true,
  };
}
