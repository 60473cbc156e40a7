// What a sandbox is made to be before any kernel comes: a distribution, with some hooks of dkms, with the sample driver.
import { join } from 'node:path';
import { FIXTURES } from './project.ts';
import type { Sandbox } from './sandbox.ts';
import type { DriverOptions, SandboxOptions } from './sandbox-options.ts';

const DEFAULT_VERSION = '1.0.0-sample';

export async function becomeGentoo(sandbox: Sandbox): Promise<void> {
  // dkms chooses the module's folder by this file.
  await sandbox.run(['rm', '-f', '/etc/os-release', '/etc/debian_version']);
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    await sandbox.write(file, 'NAME=Gentoo\nID=gentoo\nPRETTY_NAME="Gentoo Linux"\n');
  }
  await sandbox.write('/etc/gentoo-release', 'Gentoo Base System release 2.18\n');
}

export async function layDkmsHooks(
  sandbox: Sandbox,
  layout: SandboxOptions['dkmsHooks'] = 'own',
): Promise<void> {
  if (layout === 'own') return;
  const away =
    'rm -f /etc/kernel/*.d/dkms /usr/lib/kernel/*.d/dkms /usr/lib/kernel/install.d/40-dkms.install';
  const lay = `mkdir -p /usr/lib/kernel && cp -rT "$1" /usr/lib/kernel &&
    chmod 755 /usr/lib/kernel/*.d/dkms /usr/lib/kernel/install.d/40-dkms.install`;
  const script = layout === 'none' ? away : `${away} && ${lay}`;
  await sandbox.run(['sh', '-c', script, 'sh', join(FIXTURES, 'gentoo/dkms-hooks')]);
}

/** @returns the folder of its source */
export async function layDriver(sandbox: Sandbox, options: DriverOptions): Promise<string> {
  const version = options.version ?? DEFAULT_VERSION;
  const folder = `/usr/src/tenstorrent-${version}`;
  // cp writes as root with root's umask: nobody else may own or write what root will build.
  const script = 'rm -rf "$2" && cp -r --preserve=mode "$1" "$2" && chmod -R go-w "$2"';
  await sandbox.run(['sh', '-c', script, 'sh', join(FIXTURES, 'sample-driver'), folder]);
  const conf = (await sandbox.read(`${folder}/dkms.conf`))
    .replace(/^PACKAGE_VERSION=.*$/m, `PACKAGE_VERSION="${version}"`)
    .replace(/^AUTOINSTALL=.*\n/m, (line) => (options.autoinstall === false ? '' : line));
  await sandbox.write(`${folder}/dkms.conf`, conf);
  const switches = [
    ...(options.broken === 'compile' ? ['broken = y'] : []),
    ...(options.broken === 'hwmon' ? ['hwmon = y'] : []),
    ...(options.slowSeconds === undefined ? [] : [`slow = ${options.slowSeconds}`]),
  ];
  if (switches.length > 0) await sandbox.write(`${folder}/switches.mk`, `${switches.join('\n')}\n`);
  return folder;
}
