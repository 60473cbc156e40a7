// `ttkmdctl deploy` and `uninstall`: the program's own files on a host.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JOURNAL_PATH } from '../bootstrap/journal.ts';
import { install, remove } from '../deploy/deploy.ts';
import { openPackage, type PackageFolder, packageFolderOf } from '../deploy/package.ts';
import { RECORD_PATH } from '../deploy/record.ts';
import { findSystemNode } from '../deploy/system-node.ts';
import { wantedServices } from '../deploy/wanted-services.ts';
import { RULE_PATH } from '../driver/rule.ts';
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { Host } from '../host/host.ts';
import { driverVersions, planGiveBack } from '../reconcile/give-back.ts';
import { takeBootstrapLock } from './bootstrap-lock.ts';
import { type Context, type GlobalOptions, openContext } from './context.ts';
import { endDaemon } from './end-daemon.ts';
import { type Deed, type FileAction, fileLines, nextSteps } from './render-files.ts';
import { refreshServices, withdrawServices } from './service.ts';
import { VERSION } from './version.ts';

const UNMERGE = 'emerge --unmerge app-admin/ttkmd';

/** Where Portage has installed the program, only what that has written itself is taken off. */
const UNINSTALL_BESIDE_PORTAGE: Deed = {
  done: 'took off the state, history and logs of ttkmd',
  would: 'would take off the state, history and logs of ttkmd',
  nothing: `ttkmd has written nothing here, and the program itself is Portage's: ${UNMERGE}`,
};

export interface DeployOptions extends GlobalOptions {
  readonly package?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly withNode?: boolean;
  readonly verbose?: boolean;
}

/** Milliseconds to wait for a reconcile to end before the program under it is replaced. */
const PATIENCE = 10 * 60_000;

const INSTALL: Deed = {
  done: `installed ttkmd ${VERSION}`,
  would: `would install ttkmd ${VERSION}`,
  nothing: 'all is in place',
};
const UNINSTALL: Deed = {
  done: 'took ttkmd off, with its state, history and logs',
  would: 'would take ttkmd off, with its state, history and logs',
  nothing: 'nothing of ttkmd is installed here',
};

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
      'Name the folder that a release was unpacked to; as root: ttkmdctl deploy --package DIR',
      EXIT.usage,
    );
  }
  const systemNode = await findSystemNode(context.host);
  const before = context.host.fs.readText(RECORD_PATH);
  const status = await changeFiles(context, options, INSTALL, () => ({
    actions: install(context.host, found, {
      ...choices(options),
      systemNode,
      withNode: options.withNode ?? false,
      services: wantedServices(context.host),
    }),
    next: afterInstall(context.host),
  }));
  // A daemon that runs on what is there already is left alone.
  if (context.host.fs.readText(RECORD_PATH) !== before) await refreshServices(context);
  return status;
}

export async function uninstallProgram(
  options: DeployOptions & { readonly keepDriver?: boolean },
): Promise<number> {
  const context = openContext(options);
  const lock = options.dryRun ? undefined : await takeBootstrapLock(context.host);
  return takeOff(context, options).finally(() => lock?.release());
}

async function takeOff(
  context: Context,
  options: DeployOptions & { readonly keepDriver?: boolean },
): Promise<number> {
  if (!options.dryRun) {
    await withdrawServices(context);
    await endDaemon(context);
  }
  let driverGoes = false;
  if (context.host.fs.exists(JOURNAL_PATH)) {
    const lock = options.dryRun ? undefined : await takeLock(context.host);
    const { takeBackBootstrap } = await import('./bootstrap-undo.ts');
    driverGoes = await takeBackBootstrap(context, options).finally(() => lock?.release());
  }
  const portages = isPortages(context.host);
  const deed = portages ? UNINSTALL_BESIDE_PORTAGE : UNINSTALL;
  const status = await changeFiles(context, options, deed, () => {
    const actions: FileAction[] = [...remove(context.host, choices(options))];
    for (const part of planGiveBack(context.host)) {
      // The lock that is held makes this one, on a machine that has nothing of ttkmd too.
      if (part.path !== '/run/ttkmd') actions.push(...(driverGoes ? withoutDriver(part) : [part]));
      if (!options.dryRun) part.act();
    }
    const stays = `the program itself is Portage's; to take it off, as root: ${UNMERGE}`;
    return { actions, next: [...(portages ? [stays] : []), ...afterUninstall(context.host)] };
  });
  if (!options.dryRun) await refreshServices(context);
  return status;
}

function isPortages({ fs }: Host): boolean {
  return fs.list('/var/db/pkg/app-admin').some((name) => /^ttkmd-\d/.test(name));
}

/** What a dry run says of parts that only a driver that stays has need of. */
function withoutDriver({ kind, path, reason }: FileAction): FileAction[] {
  if (kind === 'give-back') return [];
  if (path === RULE_PATH) return [{ kind: 'remove', path }];
  return [reason === undefined ? { kind, path } : { kind, path, reason }];
}

/** What was done to files, and what is to be done next. */
interface Change {
  readonly actions: readonly FileAction[];
  readonly next: readonly string[];
}

/** Does it under the lock, as root, and prints what was done. */
export async function changeFiles(
  { host, terminal }: Context,
  options: DeployOptions,
  deed: Deed,
  change: () => Change,
): Promise<number> {
  const hadRun = host.fs.exists('/run');
  const dryRun = options.dryRun ?? false;
  const lock = dryRun ? undefined : await takeLock(host);
  try {
    const { actions, next } = change();
    for (const line of fileLines(deed, actions, { dryRun, verbose: options.verbose ?? false })) {
      terminal.line(line);
    }
    const changed = actions.some(({ kind }) => kind !== 'keep');
    if (changed && dryRun && !options.verbose) nextSteps(terminal, ['each file: add --verbose']);
    if (changed && !dryRun) nextSteps(terminal, next);
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

function afterInstall(host: Host): string[] {
  const inside = host.root === '/' ? '' : ` --root ${host.root}`;
  const hasSource = host.fs.list('/usr/src').some((name) => name.startsWith('tenstorrent-'));
  const reconcile = `as root: ttkmdctl${inside} reconcile`;
  const hasInit = wantedServices(host).length > 0;
  return [
    ...(hasInit
      ? []
      : ['no services were installed, for want of an init; once there is one, run install.sh again']),
    hasSource
      ? `build the driver, ${reconcile}`
      : `put tt-kmd's source into /usr/src/tenstorrent-<version> (ttkmdctl(8) has the commands), then ${reconcile}`,
    `whether kernel installations reach ttkmd: ttkmdctl${inside} hooks status`,
    ...(hasInit
      ? [`start the services, as root: ttkmdctl${inside} service enable${inside === '' ? ' --now' : ''}`]
      : []),
  ];
}

/** The driver stays, for the card to work on; who wants it gone is told how. */
function afterUninstall(host: Host): string[] {
  const versions = driverVersions(host);
  if (versions.length === 0) return [];
  const removals = versions.map((version) => `dkms remove -m tenstorrent -v ${version} --all`);
  const rule = host.fs.exists(RULE_PATH) ? [`rm ${RULE_PATH}`] : [];
  return [`the driver stays; to take it off too, as root: ${[...removals, ...rule].join(' && ')}`];
}

async function takeLock(host: Host) {
  if (host.machine.effectiveUser !== 0) {
    throw new TtkmdError(
      'not-root',
      'Installing and removing files of the system needs root.',
      'run it as root, or see what would be done with --dry-run',
      EXIT.rights,
    );
  }
  const lock = await host.lock.acquire(PATIENCE);
  if (lock === undefined) {
    throw new TtkmdError(
      'lock-held',
      `A reconcile was still at work after ${PATIENCE / 60_000} minutes of waiting; no file was changed.`,
      'end it, as root: ttkmdctl cancel. Who it is: ttkmdctl status',
      EXIT.locked,
    );
  }
  return lock;
}
