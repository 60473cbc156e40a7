// What is wrong with the machine as a whole, and what could not be read. Pure.
import type { DriverJudgement, KernelJudgement, Problem } from './judgement.ts';
import type { Observation } from './observation.ts';
import { sourceProblems } from './source-problems.ts';
import { isToldUnknown } from './unknown.ts';

export function machineProblems(observation: Observation, driver: DriverJudgement): Problem[] {
  const problems = sourceProblems(observation, driver);
  const add = (severity: Problem['severity'], code: string, message: string, hint: string): void => {
    problems.push({ code, message, hint, release: undefined, severity });
  };
  const { unreadable, tree, sourceTree } = observation.dkms;
  if (unreadable !== undefined) {
    add(
      'degraded',
      'dkms-setting',
      `${unreadable.place}: where dkms keeps its records takes bash to tell ("${unreadable.text}"); ttkmd keeps them in ${tree}`,
      `write it there as a plain path: dkms_tree="${tree}"`,
    );
  }
  if (driver.source === undefined && sourceTree !== '/usr/src') {
    add(
      'note',
      'dkms-setting',
      `dkms's setting source_tree is ${sourceTree}; ttkmd looks for driver sources in /usr/src`,
      `move the driver's source there: /usr/src/tenstorrent-<version>`,
    );
  }
  const { stuck } = observation;
  if (stuck !== undefined) {
    add(
      'degraded',
      'run-stuck',
      `the daemon's child with pid ${stuck.pid} was killed and does not end: it hangs in the kernel, and nothing is built until it has ended`,
      `see where, as root: cat /proc/${stuck.pid}/stack, and dmesg; where it stays, reboot`,
    );
  }
  for (const [path, adopted] of Object.entries(observation.state.adopted)) {
    if (adopted.foreign && driver.source?.path === path) {
      add(
        'note',
        'adopted',
        `${path} was registered with dkms before ttkmd took it over; its AUTOINSTALL is left out since`,
        'there is nothing to do; ttkmdctl uninstall gives it back',
      );
    }
  }
  for (const path of observation.readOnlySources) {
    add(
      'note',
      'not-taken-over',
      `${path} lies on a read-only file system, so AUTOINSTALL and POST_INSTALL stay in its dkms.conf: dkms's own hooks may build it too`,
      'make that file system writable once, then: ttkmdctl reconcile',
    );
  }
  if (!observation.kernels.some((kernel) => kernel.kind === 'installed' || kernel.kind === 'headers-only')) {
    add(
      'degraded',
      'no-kernels',
      '/lib/modules holds no kernel',
      'if it is a file system of its own, mount it; else install a kernel: emerge sys-kernel/gentoo-kernel',
    );
  }
  return problems;
}

export function unreadable({ denied, modules }: Observation, kernels: readonly KernelJudgement[]): Problem[] {
  const unread = new Set(
    [...modules.values()].flatMap((one) => (one.unread === undefined ? [] : [one.path])),
  );
  return denied
    .filter((path) => !unread.has(path) && !isToldUnknown(kernels, path))
    .map((path) => ({
      code: 'unreadable',
      message: `${path} may not be read by this user`,
      hint: 'run it as root to see all',
      release: undefined,
      severity: 'note',
    }));
}
