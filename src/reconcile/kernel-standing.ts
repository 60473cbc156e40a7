// Whether a kernel could be booted next, or is gone for good. Pure.
import type { Kernel } from '../kernels/kernel.ts';
import type { KernelJudgement } from './judgement.ts';
import type { Observation } from './observation.ts';
import { isRemembered } from './remembered.ts';

/**
 * Whether the machine may come up with a kernel next time. Where no image at all is found, `/boot` is not
 * mounted, as is usual on Gentoo, and every installed kernel counts. Where only other kernels' are, a newer kernel
 * counts all the same: its image may lie where nobody looks, and what is newest is booted.
 */
export function isBootable(observation: Observation, kernel: Kernel): boolean {
  if (kernel.kind !== 'installed')
    return kernel.running || (kernel.kind === 'headers-only' && kernel.image !== undefined);
  return kernel.running || kernel.image !== undefined || isNewerThanBooted(observation, kernel);
}

/** Whether a kernel is newer than the running one, or where none runs here, than all that have an image. */
function isNewerThanBooted({ kernels }: Observation, kernel: Kernel): boolean {
  const hasImage = ({ image }: Kernel): boolean => /^\/(?:boot|efi)\//.test(image ?? '');
  if (!kernels.some(hasImage)) return true;
  const running = kernels.findIndex((one) => one.running);
  return kernels.indexOf(kernel) < (running < 0 ? kernels.findIndex(hasImage) : running);
}

/** A kernel is gone when both its modules and its image are, and have been for the settle time. */
export function goneness(observation: Observation, kernel: Kernel): Pick<KernelJudgement, 'gone' | 'goneIn'> {
  const { kernels, config, now } = observation;
  const anyOther = kernels.some((one) => one.kind === 'installed' || one.kind === 'headers-only');
  if (!lacksModules(observation, kernel) || kernel.running || kernel.image !== undefined || !anyOther) {
    return { gone: false, goneIn: undefined };
  }
  const { settle } = config.watch;
  const ahead = kernel.lastChange - now;
  // What lies further ahead than we look back is of a clock that was wrong then: waiting for it could take years.
  const left = ahead > settle ? 0 : ahead + settle;
  return left <= 0 ? { gone: true, goneIn: undefined } : { gone: false, goneIn: left };
}

/** Whether its own modules are gone. A source tree outlives its kernel, and most never were one. */
function lacksModules(observation: Observation, { kind, release }: Kernel): boolean {
  if (kind === 'sources-only') return isRemembered(observation, release);
  return kind === 'leftover' || kind === 'no-modules';
}
