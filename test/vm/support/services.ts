// The services in a guest, by the words of its init system: shell commands.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Guest } from './guest.ts';
import type { Init } from './places.ts';

export interface ServiceWords {
  /** The daemon. */
  start: string;
  stop: string;
  reload: string;
  /** End well while the daemon runs, and while the boot service has done its work. */
  isUp: string;
  isLoaded: string;
  /** Ends well once the boot has made the pages of 1 GiB. */
  isPaged: string;
  /** Ends well where the boot has gone all the way. */
  isBooted: string;
  /** Prints what the daemon has said since the boot. */
  log: string;
}

export const WORDS: Record<Init, ServiceWords> = {
  systemd: {
    start: 'systemctl start ttkmd',
    stop: 'systemctl stop ttkmd',
    reload: 'systemctl reload ttkmd',
    isUp: 'systemctl is-active ttkmd',
    isLoaded: 'systemctl is-active ttkmd-boot && systemctl is-active tenstorrent.target',
    isPaged: 'systemctl is-active ttkmd-hugepages tenstorrent.target',
    isBooted: 'systemctl is-active multi-user.target',
    log: 'journalctl -q -b -u ttkmd -o cat',
  },
  openrc: {
    start: 'rc-service ttkmd start',
    stop: 'rc-service ttkmd stop',
    reload: 'rc-service ttkmd reload',
    isUp: 'rc-service ttkmd status',
    isLoaded: 'rc-service ttkmd-boot status',
    isPaged: 'rc-service ttkmd-hugepages status',
    isBooted: '[ "$(rc-status -r)" = default ]',
    // OpenRC of Debian 12 cannot hand a daemon's output to syslog.
    log: 'cat /var/log/ttkmd/daemon.log',
  },
};

/**
 * From a fresh machine to a card that works, by the command that the README gives. What has no network is not brought.
 * Gives what it printed.
 */
export async function bootstrapped(guest: Guest): Promise<string> {
  const options = '--yes --kmd-source /opt/tt-kmd --without tt-smi,tt-flash';
  return (await guest.run(`sh /opt/ttkmd/bootstrap.sh ${options} 2>&1`, { timeoutMs: 480_000 })).stdout;
}

/** What runs only while a module is built. */
const BUILDERS = ['dkms', 'make', 'gcc', 'cc1', 'as', 'ld', 'modpost'];

export async function succeeds(guest: Guest, script: string): Promise<boolean> {
  return (await guest.run(script, { allowFailure: true })).status === 0;
}

/** Waits, inside the guest, until a shell condition holds. The cheap parts of one come first: it is asked often. */
export async function until(guest: Guest, condition: string, timeoutMs = 400_000): Promise<void> {
  await guest.run(`until { ${condition}; } >/dev/null 2>&1; do sleep 0.5; done`, { timeoutMs });
}

/** Waits until the compiler is at work: the middle of a build. */
export function compiles(guest: Guest): Promise<void> {
  return until(guest, 'grep -qsx cc1 /proc/[0-9]*/comm');
}

/** What of a build is alive. */
export async function builders(guest: Guest): Promise<string[]> {
  const patterns = BUILDERS.map((name) => `-e ${name}`).join(' ');
  const { stdout } = await guest.run(`grep -hsx ${patterns} /proc/[0-9]*/comm || true`);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Within a moment nothing of a build is alive; the kernel needs one to end a namespace full of processes. */
export async function noBuilders(guest: Guest): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (let alive = await builders(guest); alive.length > 0; alive = await builders(guest)) {
    if (Date.now() > deadline) throw new Error(`still alive: ${alive.join(' ')}`);
    await sleep(200);
  }
}

/** Of the builds that were nothing is alive, and nothing lies about. */
export async function nothingLeft(guest: Guest): Promise<void> {
  await noBuilders(guest);
  const { stdout } = await guest.run('ls -A /var/lib/ttkmd/staging 2>/dev/null || true');
  if (stdout !== '') throw new Error(`left in /var/lib/ttkmd/staging: ${stdout}`);
}

/** The daemon's process, whoever supervises it. What it has forked bears its name, too, until it is another program. */
export async function daemonPid(guest: Guest): Promise<number> {
  const { stdout } = await guest.run(
    'for comm in $(grep -lsx ttkmd /proc/[0-9]*/comm); do cut -d \' \' -f 1,4 "$(dirname $comm)/stat" 2>/dev/null || true; done',
  );
  const named = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').map(Number));
  const daemons = named.filter(([, parent]) => !named.some(([pid]) => pid === parent));
  const [pid] = daemons[0] ?? [];
  if (pid === undefined || daemons.length > 1)
    throw new Error(`not one daemon runs but ${daemons.length}: ${daemons.map(([one]) => one).join(' ')}`);
  return pid;
}

/** Waits until the module for a kernel is in place and nothing is under way. */
export function built(guest: Guest, release: string): Promise<void> {
  return until(guest, `[ ! -e /run/ttkmd/run.json ] && modinfo -k '${release}' -n tenstorrent`);
}

/** Does something, and waits until the daemon has looked after it. */
export async function untilLooked(guest: Guest, script: string): Promise<void> {
  await guest.run(`touch /run/mark && sleep 0.1 && ${script}`);
  await until(guest, '[ /run/ttkmd/status.json -nt /run/mark ]');
}
