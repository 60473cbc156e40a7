// Puts the driver on disk in the place of the loaded one; where that does not work, the loaded one is put back.
import type { LoadedDriver } from '../driver/driver.ts';
import { resolveModule } from '../driver/installed.ts';
import { observeLoaded } from '../driver/loaded.ts';
import { dropLoadedCopies, findLoadedCopy } from '../driver/loaded-copy.ts';
import { putLoadedBack, unload } from '../driver/unload.ts';
import type { ReloadUnderWay } from '../state/state.ts';
import { type HookFacts, runHooks } from './admin-hooks.ts';
import {
  changeDriver,
  nextTry,
  nowBusy,
  refusedBy,
  rememberFailure,
  stillThere,
  worded,
} from './apply-driver.ts';
import { applyLoad } from './apply-load.ts';
import { driven, unclaimed } from './drivable.ts';
import { differ } from './judge-loaded.ts';
import type { Step } from './step.ts';
import { hostUnderLock, type Outcome, type Work } from './work.ts';

type ReloadStep = Extract<Step, { kind: 'reload' }>;

/**
 * What was seen before may be so no more: it looks once more, asks the admin's programs, looks a last time, and leaves
 * the last word to the kernel, which lets nothing go that somebody has opened in between.
 */
export async function applyReload(work: Work, step: ReloadStep): Promise<Outcome> {
  const { host, observation } = work;
  const loaded = observeLoaded(host.fs);
  const module = await resolveModule(host, step.release);
  if (loaded === undefined) return { outcome: 'skipped', text: 'it is not loaded any more' };
  if (!step.asked && (module === undefined || !differ(loaded, module))) {
    return { outcome: 'skipped', text: 'the loaded driver is the one on disk' };
  }
  const isOther = module === undefined || differ(loaded, module);
  const mustReturn = isOther && !(step.asked && work.policy.force);
  if (mustReturn && findLoadedCopy(host.fs, loaded.sourceVersion) === undefined) {
    const text = 'there is no copy of the loaded one to put back';
    return putOff(step, { text: `not reloaded: ${text}`, hint: 'reboot, or: ttkmdctl reload --force' });
  }
  const early = observation.loading.drains && step.asked ? undefined : nowBusy(work);
  if (early !== undefined) return putOff(step, refusedBy(early, 'reloaded'));
  const reloading: ReloadUnderWay = {
    release: step.release,
    from: loaded.version,
    fromSource: loaded.sourceVersion,
    to: module?.version ?? step.version,
    devices: driven(observation).map(({ address, family }) => ({ address, family })),
  };
  // Who drains a workload is to hear of the end, though we were killed in between.
  if (!changeDriver(work, { reloading, failure: undefined })) {
    return { outcome: 'skipped', text: 'not begun, since it could not be written down that it has' };
  }
  const asked = await runHooks(
    work,
    'pre-reload',
    facts(work, reloading, `to load ${reloading.to ?? 'the one on disk'}`),
  );
  if (work.signal.aborted) {
    return end(work, step, reloading, {
      text: 'not reloaded: the run was ended',
      hint: 'ttkmdctl reload',
      passing: true,
    });
  }
  if (asked?.trouble !== undefined) {
    const why = asked.lastLine === undefined ? '' : `: ${asked.lastLine}`;
    return end(work, step, reloading, {
      text: `not reloaded: refused${why} (${asked.trouble})`,
      hint: 'see what it waits for, and ask again, as root: ttkmdctl reload',
      later: true,
    });
  }
  const late = nowBusy(work);
  // Each try drains what uses the card, and takes it up again.
  const inVain: Partial<Shortcoming> = asked === undefined ? { passing: true } : { later: true };
  if (late !== undefined) return end(work, step, reloading, { ...refusedBy(late, 'reloaded'), ...inVain });
  const kept = await unload(hostUnderLock(work));
  if (kept !== undefined) {
    const busy = nowBusy(work) !== undefined || /in use|temporarily unavailable/.test(kept);
    return end(work, step, reloading, { ...stillThere(work, kept), ...(busy ? inVain : {}) });
  }
  return bringBack(work, step, reloading);
}

/** Brings one that was interrupted to its end, wherever that was. */
export async function applyEndReload(
  work: Work,
  step: Extract<Step, { kind: 'endReload' }>,
): Promise<Outcome> {
  const reloading = work.state.driver?.reloading;
  if (reloading === undefined) return { outcome: 'skipped', text: 'it has ended' };
  const loaded = observeLoaded(work.host.fs);
  if (step.isCut) return tellOfCut(work, reloading, loaded);
  const whole: ReloadStep = {
    ...step,
    kind: 'reload',
    version: reloading.to,
    from: reloading.from,
    asked: false,
  };
  const was = { version: reloading.from, sourceVersion: reloading.fromSource };
  // The new one too: nobody has looked yet whether the device appears under it.
  if (loaded === undefined || differ(loaded, was)) return bringBack(work, whole, reloading);
  const text = 'not reloaded: the run that was at it was interrupted';
  return end(work, whole, reloading, { text, hint: 'again, as root: ttkmdctl reload', passing: true });
}

/** The boot has loaded what is on disk, or has said why not. */
async function tellOfCut(
  work: Work,
  reloading: ReloadUnderWay,
  loaded: LoadedDriver | undefined,
): Promise<Outcome> {
  const now = loaded === undefined ? 'no driver is' : `tenstorrent ${loaded.version ?? ''} is`;
  const text = `the machine was restarted during the reload; ${now} loaded now`;
  const isNew = loaded !== undefined && loaded.version === reloading.to;
  await runHooks(work, 'post-reload', {
    ...facts(work, reloading, text),
    OUTCOME: isNew ? 'done' : 'failed',
  });
  changeDriver(work, { reloading: undefined });
  return { outcome: 'done', text };
}

/** Loads the driver that is on disk, or else the one that was there before. */
async function bringBack(work: Work, step: ReloadStep, reloading: ReloadUnderWay): Promise<Outcome> {
  const { observation } = work;
  const host = hostUnderLock(work);
  // Those that it had before; another driver's, and those that it did not take, need not appear.
  const had = reloading.devices ?? driven(observation);
  const loading = await applyLoad(host, step.release, had.length > 0 ? had : unclaimed(observation));
  if (loading.outcome === 'done') return end(work, step, reloading, undefined);
  const failure = worded(loading);
  const lost = await putLoadedBack(host, reloading.fromSource);
  const back =
    lost === undefined
      ? `${reloading.from ?? 'the one before'} was put back`
      : `${reloading.from ?? 'the one before'} could not be put back: ${lost}`;
  return end(work, step, reloading, { text: `${failure.text}; ${back}`, hint: failure.hint });
}

interface Shortcoming {
  readonly text: string;
  readonly hint: string;
  /** It goes away by itself, and is tried again at the next look. */
  readonly passing?: boolean;
  /** It may go away by itself, and to try it costs somebody something: with waits that grow. */
  readonly later?: boolean;
}

/** Tells those who were told of the beginning, and remembers what is not to be tried again. */
async function end(
  work: Work,
  step: ReloadStep,
  reloading: ReloadUnderWay,
  short: Shortcoming | undefined,
): Promise<Outcome> {
  const text =
    short?.text ??
    `loaded tenstorrent ${reloading.to ?? ''} in the place of ${reloading.from ?? 'the one before'}`;
  await runHooks(work, 'post-reload', {
    ...facts(work, reloading, text),
    OUTCOME: short === undefined ? 'done' : 'failed',
  });
  if (short === undefined) {
    changeDriver(work, { reloading: undefined, failure: undefined, unloaded: undefined });
    dropLoadedCopies(work.host.fs);
    return { outcome: 'done', text };
  }
  if (short.passing) {
    changeDriver(work, { reloading: undefined });
    return putOff(step, short);
  }
  const { hint } = short;
  const which = observeLoaded(work.host.fs) === undefined ? 'load' : 'reload';
  const again = short.later || which === 'load' ? nextTry(work, which) : {};
  await rememberFailure(work, step.release, { step: which, text, hint, ...again }, { reloading: undefined });
  return short.later ? putOff(step, short) : { outcome: 'failed', text, hint };
}

/** A person is told that it was not done; what is tried again by itself is nothing to alarm anybody. */
function putOff({ asked }: ReloadStep, { text, hint }: Shortcoming): Outcome {
  return asked ? { outcome: 'failed', text, hint } : { outcome: 'skipped', text };
}

function facts({ observation }: Work, reloading: ReloadUnderWay, reason: string): HookFacts {
  return {
    RELEASE: reloading.release,
    VERSION: reloading.to ?? '',
    REASON: reason,
    LOADED: reloading.from,
    DEVICES: observation.devices.map(({ address }) => address).join(' '),
  };
}
