// What is wrong with the driver in the kernel, and with the nodes of its devices. Pure.

import { drivable, driven, drivingVersion, isTaken, namesOf, own, unclaimed } from './drivable.ts';
import { standingFailure } from './judge-loaded.ts';
import type { DriverJudgement, KernelJudgement, Problem } from './judgement.ts';
import type { Observation } from './observation.ts';
import { enrolmentHint } from './signing-problems.ts';

export function loadedProblems(
  observation: Observation,
  driver: DriverJudgement,
  kernels: readonly KernelJudgement[],
): Problem[] {
  const running = kernels.find((one) => one.kernel.running);
  if (running === undefined) return [];
  const about = (problem: Omit<Problem, 'release'>): Problem => ({
    ...problem,
    release: running.kernel.release,
  });
  const found = [
    running.state === 'unsupported' ? undefined : notLoaded(observation, running),
    notDriven(observation),
    notSupported(observation),
    reloadDue(driver),
    staleDriver(observation, driver, running),
    wrongNodes(observation),
  ];
  return found.flatMap((one) => (one === undefined ? [] : [about(one)]));
}

type Found = Omit<Problem, 'release'> | undefined;

function notLoaded(observation: Observation, { kernel, state, module }: KernelJudgement): Found {
  const { loaded, loading } = observation;
  if (loaded !== undefined || drivable(observation).length === 0) return undefined;
  const message = `the driver is installed for ${kernel.release} and not loaded, although a device is there`;
  const fits = module !== undefined && module.broken === undefined;
  if (fits && unclaimed(observation).length > 0 && loading.obstacle !== undefined) {
    const { text, hint } = loading.obstacle;
    return { code: 'load-blocked', message: `not loaded: ${text}`, hint, severity: 'failed' };
  }
  if (state !== 'current') return undefined;
  if (observation.state.driver?.unloaded) {
    return {
      code: 'unloaded',
      message: `the driver was unloaded with ttkmdctl unload, and stays so until the next boot`,
      hint: 'to have it again, as root: ttkmdctl load',
      severity: 'failed',
    };
  }
  const failure = standingFailure(observation, 'load');
  if (failure !== undefined) {
    const again = failure.hint.includes('ttkmdctl') ? '' : '; then as root: ttkmdctl load';
    return {
      code: 'not-loaded',
      message: failure.text,
      hint: enrolmentHint(observation, kernel.release) ?? `${failure.hint}${again}`,
      severity: 'failed',
    };
  }
  return {
    code: 'not-loaded',
    message,
    hint:
      enrolmentHint(observation, kernel.release) ??
      'as root: ttkmdctl reconcile, which loads it, or says why it cannot',
    severity: 'failed',
  };
}

/** The driver is there, and has not taken a card: its probe has failed, or it does not know it. */
function notDriven(observation: Observation): Found {
  const { loaded } = observation;
  const left = unclaimed(observation);
  if (loaded === undefined || left.length === 0) return undefined;
  const has = driven(observation).length;
  const others = has === 0 ? 'it has no device at all' : `it has ${has} of ${has + left.length}`;
  return {
    code: 'device-not-driven',
    message: `the loaded driver ${loaded.version ?? ''} has not taken ${namesOf(left)}; ${others}`,
    hint: 'see what the kernel says of it: dmesg | grep tenstorrent; then try again, as root: ttkmdctl reload, or a reboot',
    severity: has === 0 ? 'failed' : 'degraded',
  };
}

function notSupported(observation: Observation): Found {
  const version = drivingVersion(observation);
  const left = own(observation.devices).filter(
    (device) => device.driver === undefined && !isTaken(device, version),
  );
  if (left.length === 0 || version === undefined) return undefined;
  const names = left.map(({ address }) => address).join(', ');
  return {
    code: 'device-unsupported',
    message: `${names} ${left.length === 1 ? 'is a Grayskull' : 'are Grayskulls'}, which the driver does not take from 2.2.0 on`,
    hint: 'nothing to do; to use it, set driver.version to one before 2.2.0 whose source is in /usr/src',
    severity: 'note',
  };
}

function reloadDue({ reload }: DriverJudgement): Found {
  if (reload === undefined) return undefined;
  const { text, obstacle, failure } = reload;
  if (failure !== undefined && obstacle !== undefined && obstacle.text === failure.text) {
    return {
      code: 'reload-failed',
      message: `${text}: ${failure.text}`,
      hint: `${failure.hint}; it is tried again ${failure.retryAt === undefined ? 'when another module is installed, or' : 'in a while, or at once'} with, as root: ttkmdctl reload`,
      severity: 'degraded',
    };
  }
  return {
    code: 'reload-due',
    message: `${text}: a reload or a reboot is due${obstacle === undefined ? '' : `; ${obstacle.text}`}`,
    hint: hintFor(reload),
    severity: 'degraded',
  };
}

function hintFor({ obstacle, again }: NonNullable<DriverJudgement['reload']>): string {
  if (obstacle === undefined) return 'it is reloaded at the next look; at once, as root: ttkmdctl reload';
  return again === undefined
    ? obstacle.hint
    : 'it is reloaded when nobody uses the device any more; end what uses it, or reboot';
}

/** An image that was made while an older driver was installed carries that one, and loads it before the disk is there. */
function staleDriver(
  { loading, loaded }: Observation,
  { reload }: DriverJudgement,
  { kernel }: KernelJudgement,
): Found {
  if (!reload?.stale) return undefined;
  const name = [loaded?.version, `srcversion ${loaded?.sourceVersion}`].filter(Boolean).join(', ');
  const remedy =
    kernel.origin.kind === 'dist-kernel'
      ? `make the initramfs, and with it a unified kernel image, anew: emerge --config =${kernel.origin.package.replace(/:.*/, '')}`
      : remedyOf(loading.initramfsTool, kernel.release);
  return {
    code: 'stale-driver',
    message: `the loaded driver (${name}) is not on disk and was not there when the one on disk was installed: most likely the initramfs or unified kernel image carries it, or it was loaded by hand`,
    hint: `${remedy}; then reboot`,
    severity: 'degraded',
  };
}

function remedyOf(tool: Observation['loading']['initramfsTool'], release: string): string {
  switch (tool) {
    case 'dracut':
      return `make it anew (ttkmd's omit_drivers in /usr/lib/dracut/dracut.conf.d/50-ttkmd.conf leaves the driver out): dracut --force --kver ${release}`;
    case 'mkinitcpio':
      return 'take tenstorrent out of MODULES in /etc/mkinitcpio.conf, and make it anew: mkinitcpio -P';
    case 'genkernel':
      return `take tenstorrent out of genkernel's modules_load, and make it anew: genkernel --kernel-modules-dir=/lib/modules/${release} initramfs`;
    case 'update-initramfs':
      return `take tenstorrent out of /etc/initramfs-tools/modules, and make it anew: update-initramfs -u -k ${release}`;
    default:
      return 'make the initramfs or unified kernel image anew, without tenstorrent in it';
  }
}

function wrongNodes({ loading }: Observation): Found {
  const [first, ...others] = loading.wrongNodes;
  if (first === undefined) return undefined;
  const more = others.length === 0 ? '' : `, and so have ${others.length} other nodes`;
  return {
    code: 'device-permissions',
    message: `${first.path} has the permissions ${first.found}${more}; ${first.rule} says ${first.wanted}`,
    hint: 'have udev set them, as root: udevadm control --reload && udevadm trigger --subsystem-match=tenstorrent',
    severity: 'degraded',
  };
}
