// What the kernel installations of a machine run into: installers, hooks, settings. Reads, judges nothing.
import type { Host } from '../host/host.ts';
import {
  dkmsHooks,
  type EarlierHook,
  earlierHooks,
  HOOK_FOLDERS,
  type HookFact,
  isExecutable,
  observeHooks,
} from './hook-files.ts';
import type { PackageFolder } from './package.ts';

/** A setting in kernel-install's or installkernel's configuration that names the hooks to run. */
export interface PluginSetting {
  readonly file: string;
  readonly name: string;
  readonly namesOurs: boolean;
}

export interface HookFacts {
  readonly hooks: readonly HookFact[];
  readonly earlier: readonly EarlierHook[];
  readonly dkmsHooks: readonly string[];
  /** systemd's kernel-install; up to systemd 254 a shell script that sources its configuration. */
  readonly kernelInstall: { readonly path: string; readonly script: boolean } | undefined;
  /** What `make install` and Portage call. */
  readonly installkernel:
    | {
        readonly path: string;
        readonly kind: 'gentoo' | 'kernel-install' | 'other';
        readonly systemd: boolean;
      }
    | undefined;
  /** Copies that would be called before it. */
  readonly customInstallers: readonly string[];
  /** Debian's kernel packages and run-parts are at work here. */
  readonly debian: boolean;
  /** A hook of Debian's that calls kernel-install in its turn. */
  readonly debianCallsKernelInstall: string | undefined;
  /** Whether the packages are built with USE=systemd; undefined where they are not installed. */
  readonly useSystemd: { readonly installkernel: boolean | undefined; readonly dkms: boolean | undefined };
  readonly settings: readonly PluginSetting[];
  readonly layout: { readonly file: string; readonly value: string } | undefined;
  readonly chroot: {
    readonly inside: boolean;
    /** Gentoo's check, which ends an installation in a chroot where no kernel command line is set. */
    readonly checks: readonly string[];
    readonly commandLine: boolean;
  };
  readonly genkernel: { readonly path: string; readonly callsUs: boolean } | undefined;
}

const CONFIGURATION_FOLDERS = ['/etc/kernel', '/run/kernel', '/usr/local/lib/kernel', '/usr/lib/kernel'];
const PLUGIN_SETTING =
  /^\s*(?:export\s+)?(KERNEL_INSTALL_PLUGINS|INSTALLKERNEL_(?:PRE|POST)INST_PLUGINS)=["']?([^"'\n]+)/gm;

/** @param found the package of the running program, to tell whether the hooks are of this version */
export function observeHookWays(host: Host, found?: PackageFolder): HookFacts {
  const { fs } = host;
  const configuration = configurationFiles(host);
  const layout = configuration.flatMap(([file, text]) => {
    const value = /^\s*layout=["']?([\w-]+)/m.exec(text)?.[1];
    return value === undefined ? [] : [{ file, value }];
  });
  return {
    hooks: observeHooks(host, found),
    earlier: earlierHooks(host),
    dkmsHooks: dkmsHooks(host),
    kernelInstall: observeKernelInstall(host),
    installkernel: observeInstallkernel(host),
    customInstallers: [
      '/usr/local/sbin/installkernel',
      '/usr/local/bin/installkernel',
      '/root/bin/installkernel',
    ].filter((path) => isExecutable(host, path)),
    debian:
      fs.exists('/etc/debian_version') &&
      ['/usr/bin/run-parts', '/bin/run-parts'].some((path) => fs.exists(path)),
    debianCallsKernelInstall: HOOK_FOLDERS['debian-postinst']
      .flatMap((folder) => fs.list(folder).map((name) => `${folder}/${name}`))
      .find(
        (path) => isExecutable(host, path) && /^[^#\n]*\bkernel-install\s/m.test(fs.readText(path) ?? ''),
      ),
    useSystemd: { installkernel: usesSystemd(host, 'installkernel'), dkms: usesSystemd(host, 'dkms') },
    settings: configuration.flatMap(([file, text]) =>
      [...text.matchAll(PLUGIN_SETTING)].map(([, name = '', value = '']) => ({
        file,
        name,
        namesOurs: value.includes('/35-ttkmd'),
      })),
    ),
    layout: layout[0],
    chroot: observeChroot(host),
    genkernel: observeGenkernel(host),
  };
}

function observeKernelInstall(host: Host): HookFacts['kernelInstall'] {
  const path = ['/usr/bin/kernel-install', '/bin/kernel-install'].find((place) => isExecutable(host, place));
  if (path === undefined) return undefined;
  return { path, script: host.fs.readBytes(path)?.subarray(0, 2).toString() === '#!' };
}

function observeInstallkernel(host: Host): HookFacts['installkernel'] {
  const places = [
    '/usr/sbin/installkernel',
    '/sbin/installkernel',
    '/usr/bin/installkernel',
    '/bin/installkernel',
  ];
  const path = places.find((place) => isExecutable(host, place));
  if (path === undefined) return undefined;
  if (host.fs.realPath(path)?.endsWith('/kernel-install'))
    return { path, kind: 'kernel-install', systemd: true };
  const text = host.fs.readText(path) ?? '';
  const gentoo = text.includes('SYSTEMD_KERNEL_INSTALL');
  // The ebuild writes USE=systemd into the script as a default.
  return { path, kind: gentoo ? 'gentoo' : 'other', systemd: /SYSTEMD_KERNEL_INSTALL:=1\}/.test(text) };
}

function usesSystemd(host: Host, name: string): boolean | undefined {
  const folder = '/var/db/pkg/sys-kernel';
  const entry = host.fs.list(folder).find((found) => new RegExp(`^${name}-[0-9]`).test(found));
  if (entry === undefined) return undefined;
  return (host.fs.readText(`${folder}/${entry}/USE`) ?? '').split(/\s+/).includes('systemd');
}

/** The first install.conf, which is the one that counts, and the drop-ins beside any. */
function configurationFiles(host: Host): [string, string][] {
  const main = CONFIGURATION_FOLDERS.map((folder) => `${folder}/install.conf`).find((path) =>
    host.fs.exists(path),
  );
  const dropIns = CONFIGURATION_FOLDERS.flatMap((folder) =>
    host.fs
      .list(`${folder}/install.conf.d`)
      .filter((name) => name.endsWith('.conf'))
      .map((name) => `${folder}/install.conf.d/${name}`),
  );
  return [...dropIns, ...(main === undefined ? [] : [main])].map((path) => [
    path,
    host.fs.readText(path) ?? '',
  ]);
}

function observeChroot(host: Host): HookFacts['chroot'] {
  const checks = ['/usr/lib/kernel/preinst.d', '/usr/lib/kernel/install.d'].filter((folder) => {
    const override = `${folder.replace('/usr/lib', '/etc')}/05-check-chroot.install`;
    return isExecutable(host, `${folder}/05-check-chroot.install`) && host.fs.lstat(override) === undefined;
  });
  const lines = ['/etc/cmdline', '/etc/kernel/cmdline', '/usr/lib/kernel/cmdline'];
  return {
    inside: host.machine.chrooted,
    checks: checks.map((folder) => `${folder}/05-check-chroot.install`),
    commandLine: lines.some((path) => host.fs.exists(path)) || host.fs.list('/etc/cmdline.d').length > 0,
  };
}

function observeGenkernel(host: Host): HookFacts['genkernel'] {
  const path = '/usr/bin/genkernel';
  if (!isExecutable(host, path)) return undefined;
  return { path, callsUs: /^[^#\n]*=.*ttkmdctl/m.test(host.fs.readText('/etc/genkernel.conf') ?? '') };
}
