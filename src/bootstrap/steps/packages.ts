// What the distribution has to bring: dkms with all that builds modules, kernels' headers, and what chosen steps need.
import { isCommand } from '../facts.ts';
import type { Bench, BootstrapStep, Check, StepName, Work } from '../step.ts';
import { aptCandidates, aptInstalled, aptWork, hasAptLists } from './apt.ts';
import { emergeWork, portageInstalled } from './portage.ts';

/** A package by the names that the distributions have for it. */
interface Need {
  readonly apt: readonly string[];
  readonly portage: readonly string[];
}

export const packages: BootstrapStep = {
  name: 'packages',
  title: 'packages of the distribution',
  check: (bench) => checkPackages(bench, needs(bench)),
  plan: (bench) => planPackages(bench, needs(bench), true),
};

export async function checkPackages(bench: Bench, need: Need, headers = true): Promise<Check> {
  const missing = await missingPackages(bench, need, headers);
  if (missing.length === 0) return { done: true, why: 'all are installed' };
  return { done: false, why: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing` };
}

export async function planPackages(bench: Bench, need: Need, headers: boolean): Promise<Work[]> {
  const missing = await missingPackages(bench, need, headers);
  if (bench.facts.manager === 'apt') return aptWork(bench, missing);
  return bench.facts.manager === 'portage' ? emergeWork(bench, missing) : [];
}

/** In the manager's own words. */
async function missingPackages(bench: Bench, need: Need, headers: boolean): Promise<string[]> {
  const { manager } = bench.facts;
  if (manager === undefined) return [];
  const wanted =
    manager === 'apt' ? [...need.apt, ...(headers ? await debianHeaders(bench) : [])] : need.portage;
  const installed = manager === 'apt' ? await aptInstalled(bench, wanted) : portageInstalled(bench, wanted);
  return wanted.filter((name) => !installed.has(name));
}

function needs(bench: Bench): Need {
  const { choices, selected } = bench;
  const git = isGit(choices.kmdSource);
  const python = pythonNeed(bench);
  return {
    apt: [
      ...['dkms', 'kmod', 'util-linux'],
      ...(git ? ['git'] : []),
      ...(selected.includes('sfpi') ? ['xz-utils'] : []),
      ...python.apt,
    ],
    // kmod, util-linux, xz, a compiler and make are part of every Gentoo system.
    portage: ['sys-kernel/dkms', ...(git ? ['dev-vcs/git'] : []), ...python.portage],
  };
}

function pythonNeed({ choices, selected, host }: Bench): Need {
  const tools: readonly StepName[] = ['tt-smi', 'tt-flash', 'tt-topology'];
  if (!tools.some((name) => selected.includes(name))) return { apt: [], portage: [] };
  switch (choices.python) {
    case 'pipx':
      return { apt: ['pipx'], portage: ['dev-python/pipx'] };
    case 'venv':
      return { apt: ['python3-venv'], portage: [] };
    case 'uv':
      // Debian has no package of it; one that somebody has installed will do.
      return { apt: [], portage: isCommand(host, 'uv') ? [] : ['dev-python/uv'] };
    case 'active':
      return { apt: [], portage: [] };
  }
}

export function isGit(source: string | undefined): boolean {
  return source !== undefined && /^(?:https?|ssh|git|file):\/\/.*#/.test(source);
}

/** The headers of each kernel that lacks them, and the package that brings those of kernels to come. */
async function debianHeaders({ facts, host }: Bench): Promise<string[]> {
  const bare = facts.kernels
    .filter(({ buildTree, running, kind }) => !buildTree.ready && (kind === 'installed' || running))
    .map(({ release }) => `linux-headers-${release}`);
  const images = host.fs
    .list('/var/lib/dpkg/info')
    .flatMap((file) => /^linux-image-([a-z][\w-]*)\.list$/.exec(file)?.[1] ?? []);
  const wanted = [...bare, ...images.map((flavour) => `linux-headers-${flavour}`)];
  if (wanted.length === 0 || !hasAptLists(host)) return [];
  const known = await aptCandidates(host, wanted);
  return wanted.filter((name) => known.has(name));
}
