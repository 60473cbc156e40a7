// The judgement as the documented, versioned object that `status --json` prints.

import type { Cards } from '../driver/device-details.ts';
import type { LoadedDriver } from '../driver/driver.ts';
import type { ModuleOwner } from '../driver/packaged.ts';
import type { Origin } from '../kernels/kernel.ts';
import type { RunUnderWay } from '../state/run.ts';
import { deviceEntry, holderEntry } from './device-entries.ts';
import { hugepagesDocument } from './hugepages-document.ts';
import type { Judgement, KernelJudgement } from './judgement.ts';
import { ownerOf } from './left-to.ts';
import type { Observation } from './observation.ts';
import { knownRestlessness } from './restless.ts';

const STATUS_SCHEMA = 1;

/** Fields are added within a schema and never taken away or given another meaning. Times are ISO 8601. */
export function statusDocument(judgement: Judgement, run: RunUnderWay | undefined, cards: Cards): object {
  const { observation, driver, kernels, problems, health } = judgement;
  return {
    schema: STATUS_SCHEMA,
    at: time(observation.now),
    health,
    run: run === undefined ? null : { pid: run.pid, trigger: run.trigger, since: time(run.since) },
    kernels: kernels.map((one) => kernelEntry(observation, one)),
    driver: {
      desired: driver.desired ?? null,
      loaded: driver.loaded?.version ?? null,
      loadedModule: loadedEntry(driver.loaded),
      reloadDue: driver.reload !== undefined,
      reloadObstacle: driver.reload?.obstacle?.text ?? null,
      sources: driver.sources.map((source) => ({
        version: source.version,
        path: source.path,
        usable: source.refused === undefined,
        reason: source.refused?.text ?? null,
        registered: observation.dkms.versions.some((one) => one.version === source.version),
      })),
      holders: cards.holders.map(holderEntry),
      holdersComplete: cards.complete,
    },
    devices: cards.devices.map((device) => deviceEntry(device, cards)),
    hugepages: hugepagesDocument(judgement),
    problems: problems.map(({ code, message, hint, release, severity }) => ({
      code,
      message,
      hint,
      release: release ?? null,
      severity,
    })),
    unreadable: observation.denied,
  };
}

function loadedEntry(loaded: LoadedDriver | undefined): object | null {
  if (loaded === undefined) return null;
  return {
    version: loaded.version ?? null,
    srcversion: loaded.sourceVersion ?? null,
    users: loaded.removable ? loaded.users : null,
  };
}

function kernelEntry(observation: Observation, judged: KernelJudgement): object {
  const { kernel, state, reason, module, record, failure, bootable } = judged;
  const restless = knownRestlessness(observation, judged);
  return {
    release: kernel.release,
    kind: kernel.kind,
    origin: originText(kernel.origin),
    package: 'package' in kernel.origin ? kernel.origin.package : null,
    running: kernel.running,
    bootable,
    image: kernel.image ?? null,
    compiler: kernel.compiler ?? null,
    buildTree: {
      path: kernel.buildTree.path ?? null,
      ready: kernel.buildTree.ready,
      missing: kernel.buildTree.missing.map(({ code, text }) => ({ code, text })),
      archive: observation.archives.get(kernel.release)?.path ?? null,
    },
    module: {
      state,
      version: module?.version ?? null,
      path: module?.path ?? null,
      reason: reason ?? null,
      since: record === undefined || state !== 'current' ? null : time(record.at),
      log: failure?.log ?? null,
      owner: ownerEntry(observation, judged),
      leftTo: judged.leftTo === undefined ? null : packageEntry(judged.leftTo),
      restless: restless === undefined ? null : { path: restless.path, since: time(restless.since) },
    },
  };
}

function packageEntry({ manager, package: name }: ModuleOwner): object {
  return { manager, package: name };
}

/** Who has put the module there; null where there is none, or nobody knows. */
function ownerEntry(observation: Observation, { kernel, module, record }: KernelJudgement): object | null {
  if (module === undefined) return null;
  const owner = ownerOf(observation, kernel.release);
  if (owner !== undefined) return packageEntry(owner);
  if (record !== undefined) return { manager: 'ttkmd', package: null };
  const linked = observation.dkms.active.some(
    ({ release, dangling }) => release === kernel.release && !dangling,
  );
  return linked ? { manager: 'dkms', package: null } : null;
}

/** An origin in one word or a package's name. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'dist-kernel':
      return origin.package.replace(/-\d[^/]*$/, '');
    case 'distribution':
      return origin.package.replace(/-\d.*$/, '');
    case 'hand-built':
      return 'hand-built';
    case 'unknown':
      return 'unknown';
  }
}

function time(at: number): string {
  return new Date(at).toISOString();
}
