// Which init runs a root's services: the one that is at work, else the one that is installed.
import type { Exec } from '../host/exec.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { openrc } from './openrc.ts';
import type { Init, InitKind } from './services.ts';
import { systemd } from './systemd.ts';

export interface FoundInit {
  readonly kind: InitKind;
  readonly live: boolean;
}

const SYSTEMD_PLACES = ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'];
const OPENRC_PLACES = ['/sbin/openrc-run', '/usr/sbin/openrc-run', '/usr/bin/openrc-run'];
const INIT_PLACES = ['/sbin/init', '/usr/sbin/init', '/usr/bin/init'];

/** @returns undefined where there is neither */
export function findInit({ fs, machine }: Host): FoundInit | undefined {
  if (!machine.chrooted) {
    // As sd_booted(3) has it; OpenRC's is made when it boots a machine (RC_SVCDIR).
    if (fs.exists('/run/systemd/system')) return { kind: 'systemd', live: true };
    if (fs.exists('/run/openrc/softlevel')) return { kind: 'openrc', live: true };
  }
  const [first, second] = installedInits(fs);
  if (first === undefined) return undefined;
  if (second === undefined) return { kind: first, live: false };
  // Both are installed: what the kernel would start decides.
  const init = INIT_PLACES.map((path) => fs.realPath(path)).find((path) => path !== undefined);
  return { kind: init?.endsWith('/systemd') ? 'systemd' : 'openrc', live: false };
}

/** Every init whose services are to be there: a machine may be switched from one to the other. */
export function installedInits(fs: HostFs): InitKind[] {
  const has = (paths: readonly string[]): boolean => paths.some((path) => fs.exists(path));
  return [
    ...(has(SYSTEMD_PLACES) ? ['systemd' as const] : []),
    ...(has(OPENRC_PLACES) ? ['openrc' as const] : []),
  ];
}

/**
 * The init of a root, ready to be asked.
 * @param outer runs commands on this machine, for what works on another root from outside
 */
export function openInit(host: Host, outer: Exec): Init | undefined {
  const found = findInit(host);
  if (found === undefined) return undefined;
  return found.kind === 'systemd' ? systemd(host, found.live, outer) : openrc(host, found.live);
}
