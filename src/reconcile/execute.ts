// One step of each kind, by those who know it.
import { applyArchive, applyDropArchive } from './apply-archive.ts';
import { applyBuild } from './apply-build.ts';
import { applyLoadStep, applyUnload } from './apply-driver.ts';
import { applyForget } from './apply-forget.ts';
import { applyAllocate, applyMount, applyReturn } from './apply-hugepages.ts';
import {
  applyClean,
  applyPlaceRule,
  applyRecord,
  applyRegister,
  applyRemoveSource,
  applyTakeOver,
  applyUnregister,
} from './apply-records.ts';
import { applyEndReload, applyReload } from './apply-reload.ts';
import { installOrAgain } from './install-again.ts';
import { isPutBack } from './remembered.ts';
import type { Step } from './step.ts';
import type { Outcome, StepReport, Work } from './work.ts';

export async function execute(work: Work, step: Step, reports: readonly StepReport[]): Promise<Outcome> {
  switch (step.kind) {
    case 'clean':
      return applyClean(work, step);
    case 'takeOver':
      return applyTakeOver(work, step);
    case 'register':
      return applyRegister(work, step);
    case 'placeRule':
      return applyPlaceRule(work, step);
    case 'build':
      return applyBuild(work, step);
    case 'install': {
      const build = reports.find(({ step: one }) => one.kind === 'build' && one.release === step.release);
      return installOrAgain(work, step, build ?? { seconds: 0 });
    }
    case 'record':
      return applyRecord(work, step);
    case 'load': {
      const install = reports.find(({ step: one }) => one.kind === 'install' && one.release === step.release);
      const { modules } = work.observation;
      const was = modules.has(step.release) || isPutBack(work.observation, step.release);
      const nothing = install !== undefined && install.outcome !== 'done' && !was;
      if (nothing) return { outcome: 'skipped', text: 'there is no module to load' };
      return applyLoadStep(work, step);
    }
    case 'allocateHugepages':
      return applyAllocate(work, step);
    case 'returnHugepages':
      return applyReturn(work, step);
    case 'mountHugepages':
      return applyMount(work, step);
    case 'unload':
      return applyUnload(work);
    case 'reload':
      return applyReload(work, step);
    case 'endReload':
      return applyEndReload(work, step);
    case 'forget':
      return applyForget(work, step);
    case 'unregister':
      return applyUnregister(work, step);
    case 'archive':
      return applyArchive(work, step);
    case 'dropArchive':
      return applyDropArchive(work, step);
    case 'removeSource':
      return applyRemoveSource(work, step);
    case 'wait':
      return { outcome: 'skipped', text: step.why };
  }
}

export function hintFor(code: string | undefined): string {
  switch (code) {
    case 'ENOSPC':
      return 'make room on that file system, then as root: ttkmdctl reconcile';
    case 'EROFS':
      return 'that file system is read-only: mount it writable, then as root: ttkmdctl reconcile';
    case 'EACCES':
    case 'EPERM':
      return 'root itself was refused: look for denials with dmesg, and at the mount options of that path';
    default:
      return 'try again, as root: ttkmdctl reconcile; if it stays, report it with what ttkmdctl history prints';
  }
}
