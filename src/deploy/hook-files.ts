// Our hooks as they lie on a machine, and the hooks that run beside and before them.
import type { Host } from '../host/host.ts';
import { mountsIn } from '../host/mountinfo.ts';
import { HOOKS, type Hook, type HookWay } from './manifest.ts';
import type { PackageFolder } from './package.ts';
import { type InstallRecord, NOTHING_RECORDED, readRecord, sha256Of } from './record.ts';

export interface HookFact extends Hook {
  /** `masked`: a link to /dev/null, or an empty file. */
  readonly there: 'missing' | 'file' | 'masked' | 'other';
  readonly executable: boolean;
  /** On a mount that runs nothing. */
  readonly noexec: boolean;
  readonly sha256: string | undefined;
  /** What we once installed; undefined where our record does not name it. */
  readonly recorded: string | undefined;
  /** What the running ttkmd would install; undefined where that is not known. */
  readonly packaged: string | undefined;
  /** A file of the same name in /etc that is run in its place. */
  readonly override:
    | { readonly path: string; readonly kind: 'masked' | 'file' | 'not-executable' }
    | undefined;
}

export interface EarlierHook {
  readonly way: HookWay;
  readonly path: string;
  /** It can end the whole installation before us: its text has the exit status 77. */
  readonly stops: boolean;
}

/** The folders that each way runs hooks from; the first that has a name wins. */
export const HOOK_FOLDERS: Readonly<Record<HookWay, readonly string[]>> = {
  'kernel-install': ['/etc/kernel/install.d', '/usr/lib/kernel/install.d'],
  'preinst.d': ['/etc/kernel/preinst.d', '/usr/lib/kernel/preinst.d'],
  'postinst.d': ['/etc/kernel/postinst.d', '/usr/lib/kernel/postinst.d'],
  'debian-postinst': ['/etc/kernel/postinst.d'],
  'debian-prerm': ['/etc/kernel/prerm.d'],
  'debian-postrm': ['/etc/kernel/postrm.d'],
};

const DKMS_HOOKS = [
  '/etc/kernel/install.d/40-dkms.install',
  '/usr/lib/kernel/install.d/40-dkms.install',
  '/usr/lib/kernel/preinst.d/dkms',
  '/usr/lib/kernel/postinst.d/dkms',
  '/etc/kernel/postinst.d/dkms',
  '/etc/kernel/prerm.d/dkms',
];

/** @param found the package of the running program, to tell whether the hooks are of this version */
export function observeHooks(host: Host, found: PackageFolder | undefined): HookFact[] {
  const record = readableRecord(host);
  const mounts = noexecMounts(host);
  return HOOKS.map((hook) => {
    const there = kindOf(host, hook.path);
    const packaged = `/hooks${hook.path}`;
    return {
      ...hook,
      there,
      executable: isExecutable(host, hook.path),
      noexec: isBelowNoexec(mounts, hook.path),
      sha256: there === 'file' ? sha256Of(host.fs, hook.path) : undefined,
      recorded: record.files[hook.path]?.sha256,
      packaged: found?.fs.exists(packaged) ? sha256Of(found.fs, packaged) : undefined,
      override: observeOverride(host, hook),
    };
  });
}

/** The hooks that run before ours, in their order, by each of the ways. */
export function earlierHooks(host: Host): EarlierHook[] {
  return Object.entries(HOOK_FOLDERS).flatMap(([way, folders]) => earlierThan(host, way as HookWay, folders));
}

/** The hooks of dkms that are active on this machine. */
export function dkmsHooks(host: Host): string[] {
  return DKMS_HOOKS.filter((path) => isExecutable(host, path));
}

export function isExecutable(host: Host, path: string): boolean {
  const there = host.fs.stat(path);
  return there?.kind === 'file' && (there.mode & 0o111) !== 0;
}

function readableRecord(host: Host): InstallRecord {
  try {
    return readRecord(host);
  } catch {
    // Whoever installs or removes is told; here the hooks are only compared with the package.
    return NOTHING_RECORDED;
  }
}

function observeOverride(host: Host, { way, path }: Hook): HookFact['override'] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const inEtc = `${HOOK_FOLDERS[way][0]}/${name}`;
  if (inEtc === path) return undefined;
  const there = kindOf(host, inEtc);
  if (there === 'missing') return undefined;
  if (there === 'masked') return { path: inEtc, kind: 'masked' };
  return { path: inEtc, kind: isExecutable(host, inEtc) ? 'file' : 'not-executable' };
}

function kindOf(host: Host, path: string): HookFact['there'] {
  if (host.fs.lstat(path) === undefined) return 'missing';
  if (host.fs.readLink(path) === '/dev/null') return 'masked';
  const end = host.fs.stat(path);
  if (end?.kind !== 'file') return 'other';
  return end.size === 0 ? 'masked' : 'file';
}

/** Numbers go before words, and by their value: 4 is before 05. */
function leadingNumber(name: string): number {
  return Number.parseInt(/^\d+/.exec(name)?.[0] ?? '', 10);
}

function isBeforeOurs(name: string): boolean {
  const number = leadingNumber(name);
  return number < 35 || (number === 35 && name < '35-ttkmd');
}

/** The hooks that a way runs before ours. */
function earlierThan(host: Host, way: HookWay, folders: readonly string[]): EarlierHook[] {
  const names = new Set(folders.flatMap((folder) => host.fs.list(folder)));
  return [...names]
    .filter((name) => isBeforeOurs(name) && (way !== 'kernel-install' || name.endsWith('.install')))
    .sort((a, b) => leadingNumber(a) - leadingNumber(b) || (a < b ? -1 : 1))
    .flatMap((name) => {
      const path = folders
        .map((folder) => `${folder}/${name}`)
        .find((place) => host.fs.lstat(place) !== undefined);
      if (path === undefined || !isExecutable(host, path)) return [];
      return [{ way, path, stops: /\b(?:exit|return)\s+77\b/.test(host.fs.readText(path) ?? '') }];
    });
}

/** Every mount with whether it runs nothing. Another root's mounts are not known here. */
function noexecMounts(host: Host): { point: string; noexec: boolean }[] {
  if (host.root !== '/') return [];
  return mountsIn(host.fs.readText('/proc/self/mountinfo') ?? '').map(({ point, options }) => ({
    point,
    noexec: options.includes('noexec'),
  }));
}

function isBelowNoexec(mounts: readonly { point: string; noexec: boolean }[], path: string): boolean {
  const above = mounts.filter(({ point }) => point === '/' || path.startsWith(`${point}/`));
  const longest = Math.max(...above.map(({ point }) => point.length));
  // Of two mounts on one point the later hides the earlier.
  return above.findLast(({ point }) => point.length === longest)?.noexec ?? false;
}
