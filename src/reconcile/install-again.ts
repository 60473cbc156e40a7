// Installs a module, and builds and installs it once more where somebody else's dkms may have spoilt it.
import { makeIndex } from '../dkms/commands.ts';
import { observeDkms } from '../dkms/tree.ts';
import { PACKAGE } from '../driver/sources.ts';
import { applyBuild } from './apply-build.ts';
import { applyInstall, type InstallStep } from './apply-install.ts';
import { othersEnded } from './beside-dkms.ts';
import { observeModules } from './observe-modules.ts';
import { findKernel, isKernelGone } from './target.ts';
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
  const lost = await othersEnded(work);
  if (lost !== undefined) return lost;
  const { release, version } = step;
  if (isKernelGone(work, release)) return { outcome: 'skipped', text: 'the kernel was removed meanwhile' };
  // A depmod of the other's that began before the module was taken back ends with an index of half a module.
  await makeIndex(work.host, release);
  if (work.signal.aborted) return first.outcome;
  await lookAgain(work, release);
  const { clock } = work.host;
  const startedAt = clock.now();
  const why = 'its install failed beside another dkms';
  const rebuilt = await applyBuild(work, { kind: 'build', release, version, why });
  if (rebuilt.outcome !== 'done') return rebuilt;
  const seconds = (clock.now() - startedAt) / 1000;
  return (await applyInstall(work, step, { ...rebuilt, seconds })).outcome;
}

/** What the other dkms may have changed of all that an installation goes by. */
async function lookAgain(work: Work, release: string): Promise<void> {
  const { host, observation } = work;
  const dkms = observeDkms(host.fs, PACKAGE, observation.arch);
  const others = [...observation.modules].filter(([one]) => one !== release);
  const module = await observeModules(host, [findKernel(work, release)], {});
  work.observation = { ...observation, dkms, modules: new Map([...others, ...module]) };
}
