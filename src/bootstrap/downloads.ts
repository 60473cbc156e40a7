// What has to be downloaded for which step, for the look at the network beforehand and for mirrors. Pure but for one look.

import type { HostFs } from '../host/fs.ts';
import { fileHash } from '../host/hash.ts';
import type { Choices } from './choices.ts';
import { fileName, pythonMirror } from './mirror.ts';
import type { Download, StepName } from './step.ts';
import { CACHE } from './steps/source.ts';
import type { ToolName, Versions } from './versions.ts';

/** The files that steps take from upstream. */
export function downloadsOf(
  steps: readonly StepName[],
  versions: Versions,
  choices: Pick<Choices, 'kmdSource'>,
  arch: string,
): Download[] {
  const sfpi = arch === 'x86_64' || arch === 'aarch64' ? versions.sfpi?.[arch] : undefined;
  return [
    ...(steps.includes('source') && choices.kmdSource === undefined ? [versions.driver] : []),
    ...(steps.includes('firmware') && versions.firmware !== undefined ? [versions.firmware] : []),
    ...(steps.includes('tt-inference-server') && versions.inference !== undefined
      ? [versions.inference]
      : []),
    ...(steps.includes('sfpi') && sfpi !== undefined ? [sfpi] : []),
  ];
}

/** The tools that steps take from PyPI, as pip names them. */
export function toolsOf(steps: readonly StepName[], versions: Versions): string[] {
  return Object.entries(versions.tools)
    .filter(([name]) => steps.includes(name as ToolName))
    .map(([name, version]) => `${name}==${version}`);
}

/** Settings of an admin's own, by which pip or uv may ask somebody else than PyPI. */
const INDEX_SETTINGS = [
  '/etc/pip.conf',
  '/etc/xdg/pip/pip.conf',
  '/root/.config/pip/pip.conf',
  '/root/.pip/pip.conf',
  '/etc/uv/uv.toml',
  '/root/.config/uv/uv.toml',
];

/** Where the tools of steps come from, as far as that can be told. */
export function pythonSource(
  fs: HostFs,
  steps: readonly StepName[],
  versions: Versions,
  { mirror, python }: Pick<Choices, 'mirror' | 'python'>,
): string | undefined {
  const [tool] = toolsOf(steps, versions);
  if (tool === undefined) return undefined;
  if (mirror !== undefined) return pythonMirror(mirror);
  // An active environment is its owner's, and asks by that user's settings.
  const theirs = python === 'active' || INDEX_SETTINGS.some((path) => fs.exists(path));
  return theirs ? undefined : `https://pypi.org/simple/${tool.replace(/=.*/, '')}/`;
}

/** Whether an earlier call has brought it. */
export function isCached(fs: HostFs, { url, sha256 }: Download): boolean {
  return sha256 !== undefined && fileHash(fs, `${CACHE}/${fileName(url)}`) === sha256;
}
