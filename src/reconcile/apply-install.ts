// Installs a built module through dkms and looks again, at the file and not at dkms's word.
import { clearStaging, install, makeIndex } from '../dkms/commands.ts';
import { replaceBuild } from '../dkms/replace.ts';
import type { InstalledModule } from '../driver/driver.ts';
import { resolveModule, shadowIdentity, strayModules } from '../driver/installed.ts';
import { keepModule, keptPath } from '../driver/kept.ts';
import { keepLoadedCopy } from '../driver/loaded-copy.ts';
import type { FileInfo } from '../host/fs.ts';
import { fileHash } from '../host/hash.ts';
import { without } from '../state/state.ts';
import { besideDkms, refusedBeside } from './beside-dkms.ts';
import { type Failure, installFailure, noRoomOr, refusal } from './install-failure.ts';
import { ownHashes, removeOwnCopies } from './own-copies.ts';
import { isPutBack } from './remembered.ts';
import { failingSince } from './retry.ts';
import type { Step } from './step.ts';
import { type Begun, findKernel, fingerprint, isTreeChanged, target } from './target.ts';
import { verify } from './verify-install.ts';
import { type Outcome, remember, runSettings, type StepReport, type Work } from './work.ts';

export type InstallStep = Extract<Step, { kind: 'install' }>;

export interface Attempt {
  readonly outcome: Outcome;
  /** It failed while somebody else's dkms was at work, which may be why. */
  readonly disturbed: boolean;
}

/**
 * Installs and verifies for one kernel. What is under way is written down first, for a reconcile after a power cut;
 * the module and the build that are there are kept until their successors are proved, and put back if they are not.
 */
export async function applyInstall(
  work: Work,
  planned: InstallStep,
  build: Pick<StepReport, 'seconds' | 'warning' | 'builtFrom'>,
): Promise<Attempt> {
  const { host, observation } = work;
  const { release, version } = planned;
  const step = { ...planned, builtFrom: build.builtFrom ?? fingerprint(work, release, version) };
  const ours = release in work.state.modules || work.state.intent?.release === release;
  const linked = observation.dkms.active.some((link) => link.release === release && !link.dangling);
  const own = ownHashes(work, release);
  const present = await presentModule(work, release);
  const sound = present?.broken === undefined ? present?.path : undefined;
  const isOwn = sound !== undefined && own.includes(fileHash(host.fs, sound) ?? '');

  const copy = sound === undefined ? undefined : keptPath(sound);
  remember(work, { intent: { release, version, step: 'install', own, kept: copy } });
  const undo: (() => void)[] = [];
  try {
    keepWhatIsLoaded(work, present);
    const kept = keepModule(host.fs, release, sound);
    undo.unshift(kept.restore);
    // Nor does dkms know a damaged file for its own; nothing is lost with it.
    if ((ours || linked) && present?.broken !== undefined) host.fs.remove(present.path);
    const replacement = await replaceBuild(host, observation.dkms.tree, target(work, step));
    undo.unshift(replacement.takeBack);
    // Without its link for the release, dkms would keep a copy of its own as the kernel's original module, in place
    // of a true one that it has put aside before.
    if (!linked) removeOwnCopies(work, release, own);
    const installed = await besideDkms(
      work,
      () => installAndVerify(work, step, isOwn ? sound : undefined),
      () => indexAndVerify(work, step),
    );
    if ('headline' in installed) return await takeBack(work, step, undo, installed);
    const file = fileHash(host.fs, installed.path);
    syncInstalled(work, installed);
    // The copy is known by what is under way: it goes before that is over.
    kept.drop();
    settle(work, step, build, { file, sourceVersion: installed.sourceVersion });
    replacement.keep();
    return { outcome: { outcome: 'done', text: 'installed, verified' }, disturbed: false };
  } catch (error) {
    const refused = error as NodeJS.ErrnoException;
    return await takeBack(work, step, undo, refusedBeside(work, refused, refusal(refused, step)));
  }
}

/** What modprobe reads: it has to outlive a power cut before the copy of what was there goes. */
const INDEX = ['modules.dep', 'modules.dep.bin', 'modules.alias', 'modules.alias.bin'];

function syncInstalled({ host }: Work, { release, path }: InstalledModule): void {
  for (const one of [path, ...INDEX.map((name) => `/lib/modules/${release}/${name}`)]) host.fs.sync(one);
}

/** The module that is there now: one that was lost or damaged when we looked may have been put back since. */
async function presentModule(
  { host, observation }: Work,
  release: string,
): Promise<InstalledModule | undefined> {
  return isPutBack(observation, release) ? resolveModule(host, release) : observation.modules.get(release);
}

/** Its successor may not load: then it is put back, though its file is gone. */
function keepWhatIsLoaded({ host, observation }: Work, present: InstalledModule | undefined): void {
  const { loaded, runningRelease } = observation;
  if (present === undefined || loaded === undefined || present.release !== runningRelease) return;
  const isLoaded = loaded.sourceVersion !== undefined && loaded.sourceVersion === present.sourceVersion;
  if (isLoaded) keepLoadedCopy(host.fs, present.path, loaded.sourceVersion);
}

/** Gives the module's path where what modprobe would load is what was built, or what is wrong. */
async function installAndVerify(
  work: Work,
  step: InstallStep,
  replaced: string | undefined,
): Promise<Failure | InstalledModule> {
  const { host } = work;
  const before = replaced === undefined ? undefined : host.fs.stat(replaced);
  // It is short: who interrupts waits for its end.
  const signal = new AbortController().signal;
  const run = await install(host, target(work, step), { ...runSettings(work), signal });
  if (run.exitCode !== 0) return installFailure(step, run);
  if (replaced !== undefined && before !== undefined) await removeOvertaken(work, step, replaced, before);
  const found = await verify(work, step);
  if (!('headline' in found)) return found;
  return found.shadowed ? found : noRoomOr(run, found, step);
}

async function indexAndVerify(work: Work, step: InstallStep): Promise<Failure | InstalledModule> {
  await makeIndex(work.host, step.release);
  return verify(work, step);
}

/**
 * dkms writes over a module of the same name in the same place; one that lay elsewhere, or was compressed in another
 * way, is still there beside its successor, and depmod may prefer it.
 */
async function removeOvertaken(work: Work, step: InstallStep, path: string, before: FileInfo): Promise<void> {
  const { host } = work;
  const now = host.fs.stat(path);
  const untouched = now?.inode === before.inode && now.changed === before.changed;
  if (!untouched || !strayModules(host.fs, step.release).some((other) => other !== path)) return;
  host.fs.remove(path);
  await makeIndex(host, step.release);
}

function settle(
  work: Work,
  step: Begun<InstallStep>,
  { seconds, warning }: Pick<StepReport, 'seconds' | 'warning'>,
  installed: { readonly file: string | undefined; readonly sourceVersion: string | undefined },
): void {
  const { release, builtFrom } = step;
  const { origin } = findKernel(work, release);
  const at = work.host.clock.now();
  const { modules, failures, origins } = work.state;
  const boot = work.observation.loading.boot || undefined;
  remember(work, {
    modules: {
      ...modules,
      [release]: {
        ...builtFrom,
        at,
        trigger: work.policy.trigger,
        seconds,
        ...installed,
        warning,
        boot,
      },
    },
    failures: without(failures, release),
    origins: origin.kind === 'unknown' ? origins : { ...origins, [release]: origin },
    intent: undefined,
  });
}

/** What was there is there again; the failure is remembered. */
async function takeBack(
  work: Work,
  { release, builtFrom }: Begun<InstallStep>,
  undo: readonly (() => void)[],
  failure: Failure,
): Promise<Attempt> {
  const refused = undoAll([...undo, () => clearStaging(work.host)]);
  if (undo.length > 0) await makeIndex(work.host, release);
  const { code, hint, disturbed = false } = failure;
  const shadowed = !disturbed && (failure.shadowed ?? false);
  const { lasting = shadowed } = failure;
  const headline = [failure.headline, ...refused].join('; then ');
  remember(work, {
    // What could not be put back now is put back by the next run.
    ...(refused.length > 0 ? {} : { intent: undefined }),
    failures: {
      ...work.state.failures,
      [release]: {
        ...builtFrom,
        ...{ code, headline, hint },
        at: work.host.clock.now(),
        trigger: work.policy.trigger,
        tools: work.observation.tools.get(release) ?? '',
        cause: undefined,
        transient: !lasting || isTreeChanged(work, release),
        since: failingSince(work.state.failures[release], code),
        unsupported: false,
        log: undefined,
        shadow: shadowed ? shadowIdentity(work.host.fs, release) : undefined,
      },
    },
  });
  // Where not all is back, the next run's clean-up comes first.
  const isBack = refused.length === 0;
  return { outcome: { outcome: 'failed', text: headline, hint }, disturbed: disturbed && isBack };
}

/** Whatever one of them comes to: each puts something else back. Gives what they say that could not. */
function undoAll(undo: readonly (() => void)[]): string[] {
  return undo.flatMap((one) => {
    try {
      one();
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
}
