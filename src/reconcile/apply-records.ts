// Keeps dkms's records right: who owns the source, and which versions it knows.
import { add, makeIndex, removeVersion } from '../dkms/commands.ts';
import { dropVersion, recordInstalled, relinkSource, removeRemains } from '../dkms/mend.ts';
import { observeDkms } from '../dkms/tree.ts';
import { withoutOwnershipLines } from '../driver/dkms-conf.ts';
import { putBack } from '../driver/kept.ts';
import { RULE_PATH, ruleHash } from '../driver/rule.ts';
import { observeSources, PACKAGE } from '../driver/sources.ts';
import { without } from '../state/state.ts';
import { usersOf } from './plan-versions.ts';
import type { Step } from './step.ts';
import { type Outcome, remember, runSettings, type Work } from './work.ts';

/** Milliseconds for udev to take something in. */
const UDEV_LIMIT = 5000;

export async function applyClean(work: Work, step: Extract<Step, { kind: 'clean' }>): Promise<Outcome> {
  const { remains } = step;
  if (remains.what === 'kept-module') {
    const release = remains.path.split('/')[3] ?? '';
    putBack(work.host.fs, remains.path);
    await makeIndex(work.host, release);
    return {
      outcome: 'done',
      text: `put back the module of ${release} that an interrupted installation had taken`,
    };
  }
  removeRemains(work.host, remains);
  return { outcome: 'done', text: `removed: ${remains.text}` };
}

/** What it was is remembered, so that taking ttkmd off can put it back. */
export function applyTakeOver(work: Work, step: Extract<Step, { kind: 'takeOver' }>): Outcome {
  const { host, observation } = work;
  const conf = `${step.path}/dkms.conf`;
  const text = host.fs.readText(conf);
  const lines = observation.sources.find((source) => source.path === step.path)?.ownershipLines ?? [];
  if (text === undefined)
    return { outcome: 'failed', text: `${conf} is gone`, hint: 'look again, as root: ttkmdctl reconcile' };
  const adopted = { ...work.state.adopted, [step.path]: { original: text, foreign: step.foreign } };
  if (!remember(work, { adopted })) {
    const why = 'what it was could not be written down first, so that it could be given back';
    return { outcome: 'skipped', text: `left ${conf} as it is: ${why}` };
  }
  host.fs.write(conf, withoutOwnershipLines(text), host.fs.stat(conf)?.mode ?? 0o644);
  return { outcome: 'done', text: `left ${lines.map((line) => line.trim()).join(' and ')} out of ${conf}` };
}

/** Nodes that are there already get the rule's permissions too; where udev has other plans, status tells. */
export async function applyPlaceRule(
  work: Work,
  step: Extract<Step, { kind: 'placeRule' }>,
): Promise<Outcome> {
  const { host, observation } = work;
  remember(work, { rule: ruleHash(step.text) });
  host.fs.write(RULE_PATH, step.text);
  if (observation.loaded !== undefined) {
    for (const args of [
      ['control', '--reload'],
      ['trigger', `--subsystem-match=${PACKAGE}`],
    ]) {
      await host.exec.query('udevadm', args, { timeLimit: UDEV_LIMIT });
    }
  }
  return { outcome: 'done', text: `wrote ${RULE_PATH}` };
}

export async function applyRegister(work: Work, step: Extract<Step, { kind: 'register' }>): Promise<Outcome> {
  const { host, observation } = work;
  const broken = observation.dkms.versions.find((one) => one.version === step.version && !one.sourceExists);
  if (broken !== undefined) {
    relinkSource(host, observation.dkms, PACKAGE, step.version);
    return { outcome: 'done', text: 'registered again' };
  }
  const run = await add(host, { packageName: PACKAGE, version: step.version }, runSettings(work));
  if (run.exitCode === 0) return { outcome: 'done', text: 'registered' };
  if (run.cancelled) return { outcome: 'cancelled', text: 'stopped' };
  return {
    outcome: 'failed',
    text: `dkms add ended with ${run.exitCode ?? run.signal}: ${run.output.trim().split('\n').at(-1) ?? ''}`,
    hint: `see for yourself: dkms add -m ${PACKAGE} -v ${step.version}`,
  };
}

/** Nothing is built: the module that is there is the one that dkms lost sight of. */
export function applyRecord(work: Work, step: Extract<Step, { kind: 'record' }>): Outcome {
  const { host, observation } = work;
  const { release, version } = step;
  const module = observation.modules.get(release);
  const registered = host.fs.exists(`${observation.dkms.tree}/${PACKAGE}/${version}/source/dkms.conf`);
  if (module === undefined || !registered)
    return { outcome: 'skipped', text: `${version} is not registered` };
  const target = { packageName: PACKAGE, version, release, arch: observation.arch };
  recordInstalled(host, observation.dkms, target, module.path);
  return { outcome: 'done', text: 'recorded with dkms' };
}

export async function applyUnregister(
  work: Work,
  step: Extract<Step, { kind: 'unregister' }>,
): Promise<Outcome> {
  const { host, observation } = work;
  const now = observeDkms(host.fs, PACKAGE, observation.arch);
  const users = now.active.filter((link) => link.version === step.version && !link.dangling);
  if (users.length > 0) {
    const text = `not yet, ${users.map((link) => link.release).join(', ')} still ${users.length === 1 ? 'uses' : 'use'} it`;
    return { outcome: 'skipped', text };
  }
  const record = now.versions.find((version) => version.version === step.version);
  if (record?.sourceExists) {
    const run = await removeVersion(host, { packageName: PACKAGE, version: step.version }, runSettings(work));
    if (run.cancelled) return { outcome: 'cancelled', text: 'stopped' };
    if (run.exitCode === 0 && !host.fs.exists(`${now.tree}/${PACKAGE}/${step.version}`)) {
      return { outcome: 'done', text: 'unregistered' };
    }
  }
  dropVersion(host, now, PACKAGE, step.version);
  return { outcome: 'done', text: 'unregistered' };
}

/** A kernel that has not got its new driver, for whatever reason, keeps the source of the one that it has. */
export function applyRemoveSource(work: Work, step: Extract<Step, { kind: 'removeSource' }>): Outcome {
  const { host, observation, state } = work;
  const { version, path } = step;
  const dkms = observeDkms(host.fs, PACKAGE, observation.arch);
  const modules = new Map([...observation.modules].filter(([release]) => isAsSeen(work, release)));
  const users = usersOf({ modules, dkms, state }, version);
  if (users.length > 0 || dkms.versions.some((one) => one.version === version)) {
    const who = users.length > 0 ? users.join(', ') : 'dkms';
    return { outcome: 'skipped', text: `not yet, in use for ${who}` };
  }
  host.fs.removeTree(path);
  remember(work, { adopted: without(state.adopted, path) });
  return { outcome: 'done', text: `removed ${path}` };
}

/** Whether no step of this run has put another module there. */
function isAsSeen({ observation, state }: Work, release: string): boolean {
  return state.modules[release] === observation.state.modules[release];
}

/** Later looks need not read sources again that have not changed. */
export function rememberSources(work: Work): void {
  const found = observeSources(work.host.fs, work.state.sources);
  const sources = Object.fromEntries(
    found.map(({ path, identity, hash, calls }) => [path, { identity, hash, calls }]),
  );
  remember(work, { sources });
}
