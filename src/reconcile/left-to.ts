// What a package manager has installed as its own is left to it: never built for, replaced or taken away. Pure.
import type { ModuleOwner, PackagedModule } from '../driver/packaged.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { FailureRecord } from '../state/state.ts';
import { differenceIn } from './evidence.ts';
import { symbolsFact } from './facts.ts';
import { signatureStale } from './judge-signing.ts';
import type { KernelJudgement, ModuleState, Problem } from './judgement.ts';
import { moduleVersion } from './module-version.ts';
import type { Observation } from './observation.ts';

const NAMES = { portage: 'Portage', dpkg: 'dpkg' };

/**
 * The package that a kernel's module is left to: the one that has it; and where Portage has the driver for one kernel,
 * it is Portage's to build for the others too, which dkms has no module for. A rebuild that Portage is about to make
 * (`@module-rebuild`, USE=dist-kernel) would find another module in its way.
 */
export function leftTo({ packaged, dkms }: Observation, release: string): ModuleOwner | undefined {
  const own = packaged.find((one) => one.release === release);
  if (own !== undefined) return own;
  const linked = dkms.active.some((link) => link.release === release && !link.dangling);
  return linked ? undefined : packaged.find(({ manager }) => manager === 'portage');
}

/** The package that says that a kernel's module file is its own. */
export function ownerOf({ packaged }: Observation, release: string): PackagedModule | undefined {
  return packaged.find((one) => one.release === release);
}

/** In words: `left to Portage: sys-kernel/tt-kmd-2.10.0`. */
export function leftText({ manager, package: name }: ModuleOwner): string {
  return `left to ${NAMES[manager]}: ${name}`;
}

/** The state of a kernel's module that somebody else builds: nothing but whether it fits is known here. */
export function judgeLeft(
  observation: Observation,
  kernel: Kernel,
  owner: ModuleOwner,
): { state: ModuleState; reason: string | undefined; failure: FailureRecord | undefined } {
  const { release, buildTree } = kernel;
  const because = (
    state: ModuleState,
    reason?: string,
  ): { state: ModuleState; reason: string | undefined; failure: undefined } => ({
    state,
    reason,
    failure: undefined,
  });
  const module = observation.modules.get(release);
  if (module === undefined) {
    const missing = buildTree.ready ? undefined : buildTree.missing[0]?.text;
    return missing === undefined
      ? because('missing', `${leftText(owner)}, which has no module for it`)
      : because('waiting', missing);
  }
  const wrong =
    module.broken ??
    module.mismatch ??
    signatureStale(observation, release) ??
    symbolsStale(observation, kernel);
  if (wrong !== undefined) return because('drifted', wrong);
  const version = moduleVersion(observation, release);
  const pinned = observation.config.driver.version;
  if (pinned !== 'newest' && version !== undefined && version !== pinned) {
    return because('drifted', `it is version ${version}, wanted is ${pinned}`);
  }
  return because('current');
}

function symbolsStale({ checks }: Observation, kernel: Kernel): string | undefined {
  return differenceIn([symbolsFact(kernel, checks.get(kernel.release))], 'symbols');
}

/** What brings the module to a kernel: the manager's own command. */
export function leftHint({ manager, package: name }: ModuleOwner, kernel: Kernel): string {
  if (manager === 'dpkg')
    return `have that package install it again, as root: apt-get install --reinstall ${name}`;
  const tree = kernel.buildTree.path ?? kernel.sourceTree;
  const folder = tree?.startsWith('/usr/src/') ? tree.slice('/usr/src/'.length) : undefined;
  const select = folder === undefined ? '' : `eselect kernel set ${folder} && `;
  return `Portage builds it for the kernel in /usr/src/linux, as root: ${select}emerge @module-rebuild`;
}

/** What is wrong with a kernel whose module is left to a package. */
export function leftProblem(
  observation: Observation,
  judged: KernelJudgement,
  owner: ModuleOwner,
  severity: Problem['severity'],
): Problem | undefined {
  const { kernel, state, reason } = judged;
  const { release } = kernel;
  const twice = twiceProblem(observation, judged, owner);
  if (twice !== undefined) return twice;
  if (state !== 'missing' && state !== 'drifted') return undefined;
  const what = state === 'missing' ? 'it has no driver' : `its module is not current: ${reason}`;
  return {
    code: `module-${state}`,
    message: `${release}: ${what}; it is ${leftText(owner)}`,
    hint: leftHint(owner, kernel),
    release,
    severity,
  };
}

/** Two have installed a module for one kernel: which one counts is depmod's choice, and each undoes the other's work. */
function twiceProblem(
  { besidePackaged, dkms, modules }: Observation,
  { kernel: { release } }: KernelJudgement,
  owner: ModuleOwner,
): Problem | undefined {
  if (!('path' in owner) || typeof owner.path !== 'string') return undefined;
  const link = dkms.active.find((one) => one.release === release && !one.dangling);
  const others = besidePackaged.get(release) ?? [];
  if (link === undefined && others.length === 0) return undefined;
  const taken = modules.get(release)?.path;
  const both =
    others.length === 0
      ? `${owner.path} is of ${owner.package} and of dkms's tenstorrent ${link?.version}`
      : `there are two modules: ${owner.path} of ${owner.package}, and ${others.join(', ')}${link === undefined ? '' : ` of dkms's tenstorrent ${link.version}`}; ${taken === undefined ? 'none is in the index' : `modprobe takes ${taken}`}`;
  const away =
    link === undefined
      ? `rm ${others.join(' ')} && depmod ${release}`
      : `dkms remove -m tenstorrent -v ${link.version} --all${owner.manager === 'portage' && others.length === 0 ? ' && emerge @module-rebuild' : ''}`;
  const give =
    owner.manager === 'portage'
      ? `to keep the other, emerge ${owner.package.replace(/-\d[^/]*$/, '')} with USE=dkms`
      : `to keep the other, apt-get remove ${owner.package}`;
  return {
    code: 'two-owners',
    message: `${release}: ${both}`,
    hint: `to keep the package's, as root: ${away}; ${give}`,
    release,
    severity: 'degraded',
  };
}

/** A driver source that nothing is built from, because a package has the driver. */
export function leftSourceProblem(
  { packaged }: Observation,
  source: { readonly path: string } | undefined,
): Problem | undefined {
  const owner = packaged.find(({ manager }) => manager === 'portage');
  if (owner === undefined || source === undefined) return undefined;
  const name = owner.package.replace(/-\d[^/]*$/, '');
  return {
    code: 'left-source',
    message: `nothing is built from ${source.path} for kernels that dkms has no module for: the driver is ${leftText(owner)}`,
    hint: `nothing to do; to have ttkmd build it instead: USE=dkms for ${name}, then emerge it again`,
    release: undefined,
    severity: 'note',
  };
}
