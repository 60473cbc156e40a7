// What is seen of loading and unloading the driver on this machine.
import type { LoadedDriver } from '../driver/driver.ts';
import { observeInitramfsTool } from '../driver/initramfs-tools.ts';
import { contentIdentity } from '../driver/installed.ts';
import { observeLoadObstacle } from '../driver/load-obstacle.ts';
import { findLoadedCopy } from '../driver/loaded-copy.ts';
import { observeWrongNodes } from '../driver/node-permissions.ts';
import type { Host } from '../host/host.ts';
import type { State } from '../state/state.ts';
import { hasHooks } from './hook-files.ts';
import type { ObservedLoading, ObservedModule } from './observation.ts';

/**
 * What was in the kernel before the machine was booted is not there any more. That a reload had begun counts on: who
 * was told of its beginning waits for its end.
 */
export function ofThisBoot(state: State, boot: string): State {
  const { driver } = state;
  if (driver === undefined || driver.boot === boot) return state;
  const { reloading } = driver;
  return { ...state, driver: reloading && { boot: driver.boot, reloading } };
}

/** @param boot a word for this boot of the machine */
export function observeLoading(
  { fs, machine }: Host,
  loaded: LoadedDriver | undefined,
  modules: ReadonlyMap<string, ObservedModule>,
  boot: string,
): ObservedLoading {
  const path = modules.get(machine.runningRelease ?? '')?.path;
  return {
    boot,
    obstacle: machine.chrooted ? undefined : observeLoadObstacle(fs),
    module: path === undefined ? undefined : contentIdentity(fs, path),
    copied: findLoadedCopy(fs, loaded?.sourceVersion) !== undefined,
    drains: hasHooks(fs, 'pre-reload'),
    wrongNodes: machine.chrooted || loaded === undefined ? [] : observeWrongNodes(fs),
    initramfsTool: loaded === undefined ? undefined : observeInitramfsTool(fs),
  };
}
