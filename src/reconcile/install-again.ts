// Installs a module, and builds and installs it once more where somebody else's dkms may have spoilt it.
import { applyBuild } from './apply-build.ts';
import { applyInstall, type InstallStep } from './apply-install.ts';
import { othersEnded } from './beside-dkms.ts';
import { isKernelGone } from './target.ts';
import type { Outcome, StepReport, Work } from './work.ts';

/** What went wrong is taken back before anybody is waited for: meanwhile the machine has the module that it had. */
export async function installOrAgain(
  work: Work,
  step: InstallStep,
  build: Pick<StepReport, 'seconds' | 'warning' | 'builtFrom'>,
): Promise<Outcome> {
  const first = await applyInstall(work, step, build);
  if (!first.disturbed) return first.outcome;
  work.onLine('the install failed while another dkms was running: waiting for that one, then doing it again');
  await othersEnded(work);
  if (work.signal.aborted) return first.outcome;
  const { release, version } = step;
  if (isKernelGone(work, release)) return { outcome: 'skipped', text: 'the kernel was removed meanwhile' };
  const { clock } = work.host;
  const startedAt = clock.now();
  const why = 'its install failed beside another dkms';
  const rebuilt = await applyBuild(work, { kind: 'build', release, version, why });
  if (rebuilt.outcome !== 'done') return rebuilt;
  const seconds = (clock.now() - startedAt) / 1000;
  return (await applyInstall(work, step, { ...rebuilt, seconds })).outcome;
}
