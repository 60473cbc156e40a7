// What to do about a judgement. Pure: no I/O and no clock.
import type { DriverSource } from '../driver/driver.ts';
import type { ObservedRule } from '../driver/rule.ts';
import type { Trigger } from '../state/state.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import { isBuildable, planArchives } from './plan-archives.ts';
import { planAsked, planDriver } from './plan-driver.ts';
import { planHugepages } from './plan-hugepages.ts';
import { planOldVersions } from './plan-versions.ts';
import { isRemembered, leavesModule } from './remembered.ts';
import { lookAgainIn, restlessnessOf } from './restless.ts';
import { retryIn } from './retry.ts';
import type { Step } from './step.ts';

export interface Policy {
  readonly trigger: Trigger;
  /** One kernel alone; undefined for all of them. */
  readonly only: string | undefined;
  /** Build even what is current, and what failed before. */
  readonly force: boolean;
  /** A person named the kernel: a failure that would stand is tried again. */
  readonly retry: boolean;
  /** An earlier hook of the same installation has tried: what failed then is left to the next trigger. */
  readonly again: boolean;
  /** Somebody told that the kernel in `only` was removed: its settle time is over. */
  readonly removed: boolean;
  /** Hugepages alone; undefined for all there is. */
  readonly part?: 'hugepages' | undefined;
  /** Pages of ours that nobody uses and that are more than demanded are given back. */
  readonly giveBack?: boolean | undefined;
  /** A person asks for this alone. */
  readonly driver?: DriverAction | undefined;
}

export type DriverAction = 'load' | 'unload' | 'reload';

/** The steps that make the machine right, in their order. Nothing but `wait` steps means that nothing is to be done. */
export function plan(judgement: Judgement, policy: Policy): Step[] {
  if (policy.driver !== undefined) return planAsked(judgement, policy.driver, policy.force);
  const hugepages = planHugepages(judgement, policy);
  if (policy.part === 'hugepages') return hugepages;
  const chosen = judgement.kernels.filter(
    ({ kernel }) => policy.only === undefined || kernel.release === policy.only,
  );
  const builds = policy.removed ? [] : planBuilds(judgement, chosen, policy);
  const forgets = chosen
    .filter((one) => isToForget(judgement, one, policy))
    .map(({ kernel }) => kernel.release);
  return [
    // Before anything is built: a build leaves memory in small pieces.
    ...hugepages,
    ...judgement.observation.remains.map((remains): Step => ({ kind: 'clean', remains })),
    ...planSource(judgement, builds),
    ...builds,
    ...(policy.removed ? [] : planRecords(judgement, chosen, builds)),
    ...planDriver(judgement, chosen, builds, policy),
    ...planArchives(judgement, chosen, policy),
    ...forgets.map((release): Step => ({ kind: 'forget', release })),
    ...(policy.only === undefined ? planOldVersions(judgement, builds, forgets) : []),
    ...chosen.flatMap((one) => planWait(judgement, one) ?? []),
    ...chosen.flatMap((one) => planRest(judgement, one, policy) ?? []),
  ];
}

/** Whether a plan holds anything to do. */
export function isEmpty(steps: readonly Step[]): boolean {
  return steps.every((step) => step.kind === 'wait');
}

/** The driver is ttkmd's to build: dkms would do it at other times and delete a working module first. */
function planSource({ driver, observation, kernels }: Judgement, builds: readonly Step[]): Step[] {
  const { source } = driver;
  // One that is still being unpacked is not touched, unless something is built from it all the same.
  if (observation.restlessSource !== undefined && builds.length === 0) return [];
  // A failure that stands counts: dkms's hooks would try in our place, and fail the kernel's installation.
  const wanted =
    builds.length > 0 ||
    kernels.some((one) => one.leftTo === undefined && (one.state === 'current' || one.failure !== undefined));
  if (source === undefined || observation.dkms.command === undefined || !wanted) return [];
  const registered = ({ version }: DriverSource): boolean =>
    observation.dkms.versions.some((one) => one.version === version && one.sourceExists);
  // An older version too: with AUTOINSTALL, dkms's hooks would remove its working module or build it again.
  const steps = driver.sources
    .filter((one) => one.ownershipLines.length > 0 && (one === source || registered(one)))
    .filter((one) => !observation.readOnlySources.has(one.path))
    .map(
      (one): Step => ({ kind: 'takeOver', version: one.version, path: one.path, foreign: registered(one) }),
    );
  if (!registered(source)) steps.push({ kind: 'register', version: source.version });
  const { rule } = observation;
  if (rule?.wanted !== undefined && isToPlace(rule)) {
    steps.push({ kind: 'placeRule', version: source.version, text: rule.wanted });
  }
  return steps;
}

function isToPlace({ wanted, found, ours, readOnly }: ObservedRule): boolean {
  return wanted !== found && (found === undefined || ours) && !readOnly;
}

/** The running kernel first, since somebody may be waiting for it; then the newest. */
function planBuilds(judgement: Judgement, chosen: readonly KernelJudgement[], policy: Policy): Step[] {
  const version = judgement.driver.source?.version;
  if (version === undefined || judgement.observation.dkms.command === undefined) return [];
  const due = chosen.filter(
    (one) => isToBuild(judgement, one, policy) && restlessnessOf(judgement, one) === undefined,
  );
  const ordered = [...due.filter((one) => one.kernel.running), ...due.filter((one) => !one.kernel.running)];
  return ordered.flatMap(({ kernel: { release }, reason, failure }): Step[] => [
    {
      kind: 'build',
      version,
      release,
      why: failure === undefined ? (reason ?? 'asked for') : 'another try, since it failed before',
    },
    { kind: 'install', version, release },
  ]);
}

function planRest(judgement: Judgement, one: KernelJudgement, policy: Policy): Step | undefined {
  const found = restlessnessOf(judgement, one);
  if (found === undefined || policy.removed || !isToBuild(judgement, one, policy)) return undefined;
  const { last: _, ...restless } = found;
  return {
    kind: 'wait',
    release: one.kernel.release,
    why: 'what it would be built from is still being written',
    again: lookAgainIn(judgement.observation, found),
    restless,
  };
}

/** Dkms is to say what is so. A module that is installed anew comes with its record. */
function planRecords(
  { driver, observation }: Judgement,
  chosen: readonly KernelJudgement[],
  builds: readonly Step[],
): Step[] {
  // Without a source dkms knows no version that it could be of.
  const version = driver.source?.version;
  if (version === undefined || observation.dkms.command === undefined) return [];
  return chosen
    .map(({ kernel, state }) => ({ release: kernel.release, state }))
    .filter(({ release, state }) => state === 'current' && observation.unrecorded.get(release) === version)
    .filter(({ release }) => !builds.some((step) => step.kind === 'build' && step.release === release))
    .map(({ release }): Step => ({ kind: 'record', version, release }));
}

function isToBuild(
  { observation }: Judgement,
  { kernel, state, failure, leftTo }: KernelJudgement,
  policy: Policy,
): boolean {
  if (!isBuildable(observation, kernel) || leftTo !== undefined) return false;
  const again = policy.force || (policy.retry && policy.only === kernel.release);
  // It would fail, and what is there stays.
  if (observation.lacks.has(kernel.release) && !again) return false;
  if (failure !== undefined) {
    // What the daemon hears may be what the failing run itself has written.
    const isEarly = policy.trigger === 'watch' && (retryIn(observation, { failure, state, kernel }) ?? 0) > 0;
    return again || (failure.transient && !failure.unsupported && !policy.again && !isEarly);
  }
  if (state === 'missing' || state === 'drifted') return true;
  return state === 'current' && policy.force;
}

/** Only where something of ours is left; a folder that holds nothing of ours is not ours to touch. */
function isToForget(
  { observation }: Judgement,
  { kernel, gone, goneIn }: KernelJudgement,
  policy: Policy,
): boolean {
  const isGone = gone || (policy.removed && goneIn !== undefined);
  if (!isGone) return false;
  return leavesModule(observation, kernel.release) || isRemembered(observation, kernel.release);
}

function planWait(judgement: Judgement, judged: KernelJudgement): Step | undefined {
  const { driver, observation } = judgement;
  const { kernel, state, reason, goneIn } = judged;
  const release = kernel.release;
  if (goneIn !== undefined)
    return { kind: 'wait', release, why: 'it was removed a moment ago', again: goneIn };
  if (state === 'unknown') return { kind: 'wait', release, why: `unknown: ${reason}` };
  if (
    state === 'waiting' ||
    (state === 'drifted' && !isBuildable(observation, kernel) && driver.source !== undefined)
  ) {
    const why = kernel.buildTree.missing[0]?.text ?? reason ?? 'its build tree is not ready';
    // What is missing may come deep in the tree, where nobody listens.
    const found = observation.restless.has(release) ? restlessnessOf(judgement, judged) : undefined;
    if (found === undefined) return { kind: 'wait', release, why };
    const { last: _, ...restless } = found;
    return { kind: 'wait', release, why, again: lookAgainIn(observation, found), restless };
  }
  return undefined;
}
