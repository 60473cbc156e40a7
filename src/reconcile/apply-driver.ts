// The steps that change which driver is in the kernel: load, unload, reload. Nothing that is in use is unloaded.
import { observeHolders } from '../driver/holders.ts';
import { contentIdentity, resolveModule } from '../driver/installed.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { unload } from '../driver/unload.ts';
import type { DriverFailure, DriverState } from '../state/state.ts';
import { applyLoad } from './apply-load.ts';
import { unclaimed } from './drivable.ts';
import { busyObstacle, type Obstacle } from './judge-loaded.ts';
import type { Step } from './step.ts';
import { hostUnderLock, type Outcome, remember, type Work } from './work.ts';

/** A failure is remembered, so that the daemon does not do it again and again. */
export async function applyLoadStep(work: Work, step: Extract<Step, { kind: 'load' }>): Promise<Outcome> {
  const { release } = step;
  const outcome = await applyLoad(hostUnderLock(work), release, unclaimed(work.observation));
  const failed = outcome.outcome === 'failed';
  const was = work.state.driver;
  if (failed)
    await rememberFailure(work, release, {
      step: 'load',
      ...worded(outcome),
      ...nextTry(work, 'load'),
    });
  else if (was?.failure !== undefined || was?.unloaded)
    changeDriver(work, { failure: undefined, unloaded: undefined });
  return outcome;
}

/** What a person has unloaded is not loaded again but by a person, or at the next boot. */
export async function applyUnload(work: Work): Promise<Outcome> {
  const busy = nowBusy(work);
  if (busy !== undefined) return { outcome: 'failed', ...refusedBy(busy, 'unloaded') };
  // Before it is gone: who is killed in between would load it again.
  if (!changeDriver(work, { unloaded: true })) {
    const text = 'not unloaded: that you want it so could not be written down, and it would be loaded again';
    return { outcome: 'failed', text, hint: 'make room, or mount /var/lib/ttkmd writable' };
  }
  const kept = await unload(hostUnderLock(work));
  if (kept === undefined) return { outcome: 'done', text: 'unloaded tenstorrent' };
  changeDriver(work, { unloaded: undefined });
  return { outcome: 'failed', ...stillThere(work, kept) };
}

/** Who holds the driver at this moment. */
export function nowBusy({ host }: Work): Obstacle | undefined {
  return busyObstacle(observeLoaded(host.fs), observeHolders(host));
}

export function refusedBy({ text, hint }: Obstacle, done: 'unloaded' | 'reloaded'): Obstacle {
  return { text: `not ${done}: ${text}`, hint };
}

/** @param said what modprobe said of a driver that is there still */
export function stillThere(work: Work, said: string): Obstacle {
  const busy = nowBusy(work);
  return {
    text: `not unloaded: ${busy === undefined ? said : `${busy.text} (${said})`}`,
    hint: busy?.hint ?? 'see what the kernel says: dmesg | grep tenstorrent',
  };
}

export function changeDriver(work: Work, change: Partial<DriverState>): boolean {
  const { boot } = work.observation.loading;
  const next = { ...work.state.driver, boot, ...change };
  const isEmpty = next.unloaded === undefined && next.reloading === undefined && next.failure === undefined;
  return remember(work, { driver: isEmpty ? undefined : next });
}

/** With the file that it was about: a run may have installed another since it looked. */
export async function rememberFailure(
  work: Work,
  release: string,
  failure: Pick<DriverFailure, 'step' | 'text' | 'hint' | 'retryAt' | 'times'>,
  change: Partial<DriverState> = {},
): Promise<void> {
  const path = (await resolveModule(work.host, release))?.path;
  const module = path === undefined ? undefined : contentIdentity(work.host.fs, path);
  changeDriver(work, { ...change, failure: { ...failure, module, at: work.host.clock.now() } });
}

/** Minutes at first, hours in the end: what has refused often does not change each minute. */
const FIRST_WAIT = 15 * 60_000;
const LONGEST_WAIT = 4 * 60 * 60_000;

/** When what has failed may be tried again by itself. */
export function nextTry(
  { state, host, observation }: Work,
  step: DriverFailure['step'],
): Required<Pick<DriverFailure, 'retryAt' | 'times'>> {
  const was = state.driver?.failure ?? observation.state.driver?.failure;
  const times = was?.step === step && was.retryAt !== undefined ? (was.times ?? 1) + 1 : 1;
  return {
    times,
    retryAt: host.clock.now() + Math.min(FIRST_WAIT * 2 ** (times - 1), LONGEST_WAIT),
  };
}

export function worded({ text, hint }: Outcome): Obstacle {
  return { text, hint: hint ?? 'see what the kernel says: dmesg | grep tenstorrent' };
}
