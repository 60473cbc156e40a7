// What `kernels build` would do, and what stands in its way: told before anything is done.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { installHint, lacks } from './needs.ts';
import { adaptConfiguration, lackingOptions } from './options.ts';
import { requireBoot } from './places.ts';
import { type Places, planStages, STAGES, type Stage, type StageName } from './stages.ts';
import { type Base, chooseBase, chooseFolder, chooseTree } from './tree.ts';

export interface KernelBuildOptions {
  /** A path, or a name in /usr/src. */
  readonly tree: string | undefined;
  readonly config: string | undefined;
  /** The folder for what is built, where that is not the sources. */
  readonly output: string | undefined;
  readonly stages: readonly StageName[];
  readonly jobs: number;
  readonly load: string | undefined;
  readonly nice: number;
}

export interface KernelBuildPlan extends Places {
  readonly stages: readonly Stage[];
}

/**
 * What would be done. Looks, changes nothing.
 * @throws TtkmdError where the tree, the configuration or a tool that it takes is missing
 */
export function planKernelBuild(host: Host, options: KernelBuildOptions): KernelBuildPlan {
  const { fs } = host;
  const { stages, jobs, load } = options;
  requireRow(stages);
  const tree = chooseTree(fs, options.tree);
  const folder = chooseFolder(fs, tree, options.output);
  const present = fs.readText(`${folder}/.config`);
  const base = stages.includes('configure')
    ? chooseBase(host, folder, options.config)
    : ownBase(folder, present, options.config);
  const isThere = (path: string): boolean =>
    path.startsWith('/') ? fs.exists(path) : [folder, tree].some((place) => fs.exists(`${place}/${path}`));
  const adapted = stages.includes('configure')
    ? adaptConfiguration(base.text, isThere)
    : { text: base.text, changes: [] };
  requireOptions(folder, adapted.text, stages);
  requireBuilt(host, folder, stages);
  requireTools(host, adapted.text, stages);
  if (stages.includes('install')) requireBoot(fs);
  const now = host.clock.now();
  const input = { tree, folder, stages, base, adapted, present, jobs, load, now };
  return { tree, folder, stages: planStages(input) };
}

function ownBase(folder: string, present: string | undefined, given: string | undefined): Base {
  if (given !== undefined) {
    throw problem(
      'bad-stages',
      '--config is for the stage configure, which is left out.',
      'add configure to --stage',
    );
  }
  if (present !== undefined) return { from: `${folder}/.config`, text: present, own: true };
  throw problem(
    'not-configured',
    `${folder} is not configured: it has no .config.`,
    'configure it first: ttkmdctl kernels build --stage configure, or make menuconfig there',
  );
}

/** What is left to the admin is looked at: an hour's build without a driver at its end is no help. */
function requireOptions(folder: string, config: string, stages: readonly StageName[]): void {
  const lacking = stages.includes('configure') ? [] : lackingOptions(config);
  if (lacking.length === 0 || !stages.includes('build')) return;
  const names = lacking.map(({ set }) => `CONFIG_${set}`).join(', ');
  throw problem(
    'options-off',
    `The configuration of ${folder} lacks what the driver needs: ${names}.`,
    'have them turned on: ttkmdctl kernels build --stage configure; or by hand: make menuconfig',
  );
}

/** What is configured and not built anew would be installed under a name and with options that are not its own. */
function requireRow(stages: readonly StageName[]): void {
  const row = STAGES.slice(STAGES.findIndex((name) => stages.includes(name)));
  const gap = row.find(
    (name, index) => !stages.includes(name) && row.slice(index).some((one) => stages.includes(one)),
  );
  if (gap === undefined) return;
  throw problem(
    'bad-stages',
    `The stage ${gap} lies between those that were named.`,
    `name it too: --stage ${STAGES.join(',')}`,
  );
}

function requireBuilt({ fs }: Host, folder: string, stages: readonly StageName[]): void {
  if (!stages.includes('install') || stages.includes('build')) return;
  const image = fs.stat(`${folder}/vmlinux`);
  if (image === undefined || !fs.exists(`${folder}/modules.order`)) {
    throw problem(
      'not-built',
      `${folder} is not built.`,
      'build it first: ttkmdctl kernels build --stage build,install',
    );
  }
  if ((fs.stat(`${folder}/.config`)?.modified ?? 0) <= image.modified) return;
  throw problem(
    'not-built',
    `${folder} was configured anew after it was built.`,
    'build it by that configuration: ttkmdctl kernels build --stage build,install',
  );
}

/** @throws TtkmdError with all that is missing, and how to install it */
export function requireTools({ fs }: Pick<Host, 'fs'>, config: string, stages: readonly StageName[]): void {
  const missing = lacks(fs, config, stages);
  if (missing.length === 0) return;
  throw new TtkmdError(
    'tools-missing',
    `The build of this kernel needs what is not here: ${missing.map(({ name }) => name).join(', ')}.`,
    installHint(fs, missing),
    EXIT.stepFailed,
  );
}

function problem(code: string, message: string, hint: string): TtkmdError {
  return new TtkmdError(code, message, hint, EXIT.usage);
}
