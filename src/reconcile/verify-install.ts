// Looks at what modprobe would load after an installation, at the file and not at dkms's word.
import { builtFolder } from '../dkms/commands.ts';
import { builtModules } from '../dkms/tree.ts';
import type { InstalledModule } from '../driver/driver.ts';
import { readModule, resolveModule, strayModules } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import type { Step } from './step.ts';
import { findKernel, target } from './target.ts';
import type { Work } from './work.ts';

type InstallStep = Extract<Step, { kind: 'install' }>;

export interface Flaw {
  readonly code: 'install-flawed' | 'not-found' | 'shadowed';
  readonly headline: string;
  readonly hint: string;
  /** It does not go away by itself: another file is in the way, or depmod does not look where ours is. */
  readonly shadowed: boolean;
}

/** The module that modprobe would load, which has to be the one that was built; or what is wrong. */
export async function verify(work: Work, step: InstallStep): Promise<Flaw | InstalledModule> {
  const { release, version } = step;
  const [module, built] = await Promise.all([resolveModule(work.host, release), builtModule(work, step)]);
  if (module === undefined) {
    return {
      code: 'not-found',
      headline: `installed, but modprobe would find no module for ${release}`,
      hint: `see where depmod looks: grep -r search /etc/depmod.d /usr/lib/depmod.d, then: depmod -a ${release}`,
      shadowed: true,
    };
  }
  const unusable = module.broken ?? module.unread;
  if (unusable !== undefined) {
    return {
      code: 'install-flawed',
      headline: `installed, but ${module.path}: ${unusable}`,
      hint: `see what modprobe would load: modinfo -k ${release} ${PACKAGE}`,
      shadowed: false,
    };
  }
  const { abiIdentity, configuration } = findKernel(work, release);
  // A tree from the archive is gone by now; what was built in it was looked at before.
  const known = abiIdentity === undefined ? undefined : configuration;
  const mismatch = vermagicMismatch(module, release, known);
  const differs = module.version !== undefined && module.version !== version;
  if (differs) return shadowed(work, step, module, `version ${module.version}`);
  if (mismatch !== undefined) return shadowed(work, step, module, mismatch);
  return isSame(built, module) ? module : shadowed(work, step, module, `another build of ${version}`);
}

/** The module as dkms keeps it. */
async function builtModule(
  work: Work,
  step: { readonly version: string; readonly release: string },
): Promise<InstalledModule | undefined> {
  const [path] = builtModules(work.host.fs, builtFolder(work.observation.dkms.tree, target(work, step)));
  return path === undefined ? undefined : readModule(work.host, step.release, path);
}

/** The checksum of its source stays with a module through signing and packing. */
function isSame(built: InstalledModule | undefined, module: InstalledModule): boolean {
  const known = built?.sourceVersion !== undefined && module.sourceVersion !== undefined;
  return !known || built.sourceVersion === module.sourceVersion;
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
