// `ttkmdctl deploy` and `uninstall`: the program's own files on a host.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Action } from '../deploy/action.ts';
import { install, remove } from '../deploy/deploy.ts';
import { openPackage, type PackageFolder, packageFolderOf } from '../deploy/package.ts';
import { RECORD_PATH } from '../deploy/record.ts';
import { findSystemNode } from '../deploy/system-node.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { installedInits } from '../init/detect.ts';
import type { InitKind } from '../init/services.ts';
import { planGiveBack } from '../reconcile/give-back.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { refreshServices, withdrawServices } from './service.ts';

export interface DeployOptions extends GlobalOptions {
  readonly package?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly withNode?: boolean;
}

/** Milliseconds to wait for a reconcile to end before the program under it is replaced. */
const PATIENCE = 10 * 60_000;

/** The folder that the running program was started from. */
export function ownPackage(): PackageFolder {
  return openPackage(packageFolderOf(dirname(fileURLToPath(import.meta.url))));
}

export async function deployProgram(options: DeployOptions): Promise<number> {
  const context = openContext(options);
  const found = options.package === undefined ? ownPackage() : openPackage(options.package);
  if (found.kind === 'installed') {
    throw new TtkmdError(
      'package-missing',
      'This is the installed program itself: it holds nothing that could be installed anew.',
      'Name the folder that a release was unpacked to: ttkmdctl deploy --package DIR',
      EXIT.usage,
    );
  }
  const systemNode = await findSystemNode(context.host);
  const before = context.host.fs.readText(RECORD_PATH);
  const status = await changeFiles(context, options, () =>
    install(context.host, found, {
      ...choices(options),
      systemNode,
      withNode: options.withNode ?? false,
      services: wantedServices(context.host),
    }),
  );
  // A daemon that runs on what is there already is left alone.
  if (context.host.fs.readText(RECORD_PATH) !== before) await refreshServices(context);
  return status;
}

/** Units lie ready wherever units lie; init scripts only where OpenRC is. */
function wantedServices({ fs }: Host): readonly InitKind[] {
  const found = installedInits(fs);
  const units = found.includes('systemd') || fs.exists('/usr/lib/systemd/system');
  return [...(units ? ['systemd' as const] : []), ...(found.includes('openrc') ? ['openrc' as const] : [])];
}

export async function uninstallProgram(options: DeployOptions): Promise<number> {
  const context = openContext(options);
  if (!options.dryRun) await withdrawServices(context);
  const status = await changeFiles(context, options, () => {
    const actions = remove(context.host, choices(options));
    for (const { text, act } of planGiveBack(context.host)) {
      context.terminal.line(text);
      if (!options.dryRun) act();
    }
    return actions;
  });
  if (!options.dryRun) await refreshServices(context);
  return status;
}

/** Does it under the lock, as root, and prints what was done. */
export async function changeFiles(
  { host, terminal }: Context,
  options: DeployOptions,
  change: () => Action[],
): Promise<number> {
  const hadRun = host.fs.exists('/run');
  const lock = options.dryRun ? undefined : await takeLock(host);
  try {
    const actions = change();
    for (const { kind, path, reason } of actions) {
      terminal.line(`${kind.padEnd(13)} ${path}${reason === undefined ? '' : `: ${reason}`}`);
    }
    if (actions.length === 0) terminal.line('nothing to do: all is in place');
    return EXIT.ok;
  } finally {
    lock?.release();
    // A root that is only looked after has no use for a lock file.
    if (lock !== undefined && host.root !== '/') {
      host.fs.removeTree('/run/ttkmd');
      if (!hadRun) host.fs.removeEmptyFolder('/run');
    }
  }
}

export function choices(options: DeployOptions): { dryRun: boolean; force: boolean } {
  return { dryRun: options.dryRun ?? false, force: options.force ?? false };
}

async function takeLock(host: Host) {
  if (host.machine.effectiveUser !== 0) {
    throw new TtkmdError(
      'not-root',
      'Installing and removing files of the system needs root.',
      'Run it again with sudo, or see what would be done with --dry-run.',
      EXIT.rights,
    );
  }
  const lock = await host.lock.acquire(PATIENCE);
  if (lock === undefined) {
    throw new TtkmdError(
      'lock-held',
      'A reconcile has been at work for too long to wait for.',
      'Watch it: ttkmdctl status. End it: ttkmdctl cancel',
      EXIT.locked,
    );
  }
  return lock;
}
