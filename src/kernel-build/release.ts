// What make has made of a configuration: its options, and the name of the kernel.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { observeKernels } from '../kernels/inventory.ts';
import { withRememberedOrigins } from '../reconcile/observe-inputs.ts';
import { loadState } from '../state/state.ts';
import { lackingOptions } from './options.ts';
import { makeArguments, type Places } from './stages.ts';

/** Where a build writes its name; make brings the configuration's own files up to date first. */
const RELEASE_FILE = 'include/config/kernel.release';

/** Milliseconds: make reads every Kconfig file first. */
const NAMING_LIMIT = 120_000;

/** What was turned on stays off where something that it depends on is off. */
export function requireTaken({ fs }: Host, folder: string): void {
  const lacking = lackingOptions(fs.readText(`${folder}/.config`) ?? '');
  if (lacking.length === 0) return;
  throw new TtkmdError(
    'options-off',
    `Options that the driver needs could not be turned on: ${lacking.map(({ name }) => `CONFIG_${name}`).join(', ')}.`,
    `see what they depend on: cd ${folder} && make menuconfig, and there press / and give the name`,
    EXIT.stepFailed,
  );
}

/**
 * Modules that were built under another name are refused by the kernel of this one.
 * @throws TtkmdError where the tree was named anew after it was built
 */
export function requireSameName({ fs }: Host, folder: string, release: string): void {
  const header = fs.readText(`${folder}/include/generated/utsrelease.h`) ?? '';
  const built = /UTS_RELEASE "([^"]+)"/.exec(header)?.[1] ?? release;
  if (built === release) return;
  throw new TtkmdError(
    'not-built',
    `${folder} was built as ${built}, and would be installed as ${release}.`,
    'build it under its new name: ttkmdctl kernels build --stage build,install',
    EXIT.usage,
  );
}

/** What a person should know before an installed kernel gives way to a new one of its name; undefined where none does. */
export function replacedNote({ fs, machine }: Host, release: string): string | undefined {
  if (!fs.exists(`/lib/modules/${release}`)) return undefined;
  const running =
    machine.runningRelease === release
      ? ', which is running: until the next boot it can load none but the modules that it has'
      : '';
  return `install replaces ${release}${running}; to keep it bootable beside, give the new one a CONFIG_LOCALVERSION of its own`;
}

/**
 * The release that the tree gives.
 * @throws TtkmdError where another kernel has that name: its modules would be overwritten
 */
export async function nameKernel(host: Host, places: Places): Promise<string> {
  const { tree, folder } = places;
  const how = makeArguments(places, host.fs.readText(`${folder}/.config`) ?? '');
  // `make kernelrelease` takes the name from what the last build left, and leaves half of it out where nothing did.
  const answer = await host.exec.query('make', ['-s', ...how, RELEASE_FILE], {
    timeLimit: NAMING_LIMIT,
  });
  const release = host.fs.readText(`${folder}/${RELEASE_FILE}`)?.trim() ?? '';
  if (answer.code !== 0 || !/^\d[\w.+~-]*$/.test(release)) {
    throw new TtkmdError(
      'no-release',
      `make does not tell the release of ${tree}: ${answer.stderr.trim().split('\n').at(-1) || 'it printed nothing'}.`,
      `see what it says: make ${how.join(' ')} ${RELEASE_FILE}`,
      EXIT.stepFailed,
    );
  }
  // Where the build tree is gone, what was seen of it earlier tells whose kernel that is.
  const kernels = withRememberedOrigins(observeKernels(host), loadState(host.fs));
  const other = kernels.find((kernel) => kernel.release === release);
  const isOthers =
    other?.kind === 'installed' &&
    other.buildTree.path !== folder &&
    (other.buildTree.path !== undefined || ['distribution', 'dist-kernel'].includes(other.origin.kind));
  if (!isOthers) return release;
  throw new TtkmdError(
    'release-taken',
    `${tree} would be ${release}, and so is a kernel that is installed already (${other.buildTree.path ?? 'from a package'}): its modules would be overwritten.`,
    `give this one another name: ${tree}/scripts/config --file ${folder}/.config --set-str LOCALVERSION -mine; then run it again`,
    EXIT.stepFailed,
  );
}
