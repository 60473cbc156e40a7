// What keeps modprobe from loading the driver, seen before it is tried: lists of the admin's, and kernels that load nothing.
import type { HostFs } from '../host/fs.ts';
import { isBlacklisted, modprobeSettings } from './refusal.ts';
import { PACKAGE } from './sources.ts';

export interface LoadObstacle {
  readonly code: 'blacklisted' | 'install-line' | 'modules-disabled' | 'no-modules';
  readonly text: string;
  /** What mends it. */
  readonly hint: string;
}

/** Commands that stand for "do not load it"; any other may load it in its own way. */
const DOES_NOTHING = /^(?:\/(?:usr\/)?bin\/)?(?:true|false|:)(?:\s|$)/;

/** Undefined where nothing is known to be in the way. */
export function observeLoadObstacle(fs: HostFs): LoadObstacle | undefined {
  const blacklist = isBlacklisted(fs, PACKAGE);
  if (blacklist !== undefined) {
    return {
      code: 'blacklisted',
      text: `${PACKAGE} is blacklisted in ${blacklist}`,
      hint: blacklist.startsWith('/proc/')
        ? "take it off the kernel command line in the boot loader's configuration, and reboot"
        : `take it off that list, then as root: ttkmdctl load; or load it by hand: modprobe ${PACKAGE}`,
    };
  }
  const line = modprobeSettings(fs).find(({ text }) => installsNothing(text));
  if (line !== undefined) {
    return {
      code: 'install-line',
      text: `an install line in ${line.path} takes the place of loading ${PACKAGE}, and does nothing`,
      hint: `take the line out of ${line.path}, then as root: ttkmdctl load`,
    };
  }
  if (fs.readText('/proc/sys/kernel/modules_disabled')?.trim() === '1') {
    return {
      code: 'modules-disabled',
      text: 'this kernel takes no more modules until it is booted again: kernel.modules_disabled is 1',
      hint: 'reboot, and have the driver loaded before that is set',
    };
  }
  // /proc/modules is there wherever the kernel was built with CONFIG_MODULES, even where it is empty.
  if (fs.exists('/proc/version') && !fs.exists('/proc/modules')) {
    return {
      code: 'no-modules',
      text: 'this kernel cannot load modules: it was built without CONFIG_MODULES, or is a container that hides them',
      hint: 'boot a kernel that can; in a container, load the driver on the host',
    };
  }
  return undefined;
}

function installsNothing(text: string): boolean {
  const lines = text.replace(/\\\n/g, ' ').split('\n');
  return lines.some((one) => {
    const command = new RegExp(`^\\s*install\\s+${PACKAGE}\\s+(.*)$`).exec(one)?.[1];
    return command !== undefined && DOES_NOTHING.test(command.trim());
  });
}
