// What the tests of kernels' installers share: the hooks' places, and what is expected of an installation.
import { expect } from 'vitest';
import { changes, installedVersion, modulePath, prepared, SAMPLE, snapshot } from './machine.ts';
import { parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';

const { dkms } = parts();

export const PLUGIN = '/usr/lib/kernel/install.d/35-ttkmd.install';
export const PREINST = '/usr/lib/kernel/preinst.d/35-ttkmd.install';
export const POSTINST = '/usr/lib/kernel/postinst.d/35-ttkmd.install';
export const DEBIAN_POSTINST = '/etc/kernel/postinst.d/35-ttkmd';
export const DEBIAN_POSTRM = '/etc/kernel/postrm.d/35-ttkmd';

/** Where a build, or the record of one, would be seen. */
export const BUILT_INTO = ['/lib/modules', '/var/lib/dkms', '/var/lib/ttkmd', '/var/log/ttkmd'];

export const MAY_FAIL = { allowFailure: true };

/** Gentoo with dkms 3.2, no hooks but ours, the program and the driver; no kernels yet. */
export const gentoo = (): Promise<Sandbox> => prepared({ dkms: dkms.v32, tree: 'gentoo' });

export function escaped(text: string): string {
  return text.replaceAll(/[.+[\]]/g, '\\$&');
}

/** The one line that a kernel which has got its driver is worth, for plain installers. */
export function builtLine(release: string, version = SAMPLE): RegExp {
  return new RegExp(
    `^ttkmd: tenstorrent ${version} for ${escaped(release)} \\.\\.\\. built, installed, verified \\(\\d+ s\\)\n$`,
  );
}

/** The module that modprobe would load is there, of the right version, and for this very kernel. */
export async function expectModule(sandbox: Sandbox, release: string, path: string): Promise<void> {
  expect(await modulePath(sandbox, release)).toBe(`/lib/modules/${release}/${path}`);
  expect(await installedVersion(sandbox, release)).toBe(SAMPLE);
  const { stdout } = await sandbox.run(['modinfo', '-k', release, '-F', 'vermagic', 'tenstorrent']);
  expect(stdout.split(' ')[0]).toBe(release);
}

/** What changed, but for what systemd's own 50-depmod.install makes anew at each call. */
export async function changedSince(
  sandbox: Sandbox,
  before: readonly string[],
  folders?: readonly string[],
): Promise<string[]> {
  const index = /^[+-] \/lib\/modules\/[^/ ]+(?:\/modules\.[\w.]+)? /;
  return changes(before, await snapshot(sandbox, folders)).filter((line) => !index.test(line));
}
