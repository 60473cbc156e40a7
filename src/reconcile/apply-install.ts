// Installs a built module through dkms and looks again, at the file and not at dkms's word.
import { adoptStaged, clearStaging, type DkmsRun, install } from '../dkms/commands.ts';
import { dropOriginal } from '../dkms/mend.ts';
import { resolveModule, strayModules } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { without } from '../state/state.ts';
import { findKernel, fingerprint, target, timeIsUp } from './apply-build.ts';
import type { Step } from './step.ts';
import { type Outcome, remember, runSettings, type Work } from './work.ts';

/** Installs and verifies for one kernel. What is under way is written down first, for a reconcile after a power cut. */
export async function applyInstall(
  work: Work,
  step: Extract<Step, { kind: 'install' }>,
  seconds: number,
): Promise<Outcome> {
  const { host, observation } = work;
  const { release, version } = step;
  // Without dkms's own link for the release, dkms would keep our module as the kernel's original one.
  const ours = release in work.state.modules || work.state.intent?.release === release;
  const linked = observation.dkms.active.some((link) => link.release === release && !link.dangling);
  const keepsOriginal = !linked && ours && strayModules(host.fs, release).length > 0;

  const damaged = observation.modules.get(release);

  remember(work, { intent: { release, version, step: 'install' } });
  // Nor does dkms know a damaged file for its own; nothing is lost with it.
  if ((ours || linked) && damaged?.broken !== undefined) host.fs.remove(damaged.path);
  await adoptStaged(host, observation.dkms.tree, target(work, step));
  clearStaging(host);
  // It is short, and in its middle no module is there: who interrupts waits for its end.
  const signal = new AbortController().signal;
  const run = await install(host, target(work, step), { ...runSettings(work), signal });
  if (run.exitCode !== 0) return installFailed(work, step, run);
  if (keepsOriginal) dropOriginal(host, observation.dkms, PACKAGE, release);

  const flaw = await findFlaw(work, step);
  if (flaw !== undefined) {
    return {
      outcome: 'failed',
      text: `installed, but ${flaw}`,
      hint: `see what modprobe would load: modinfo -k ${release} ${PACKAGE}`,
    };
  }
  const kernel = findKernel(work, release);
  const at = host.clock.now();
  remember(work, {
    modules: {
      ...work.state.modules,
      [release]: { ...fingerprint(work, release, version), at, trigger: work.policy.trigger, seconds },
    },
    failures: without(work.state.failures, release),
    packages:
      kernel.origin.kind === 'dist-kernel'
        ? { ...work.state.packages, [release]: kernel.origin.package }
        : work.state.packages,
    intent: undefined,
  });
  return { outcome: 'done', text: 'installed, verified' };
}

/** The module that modprobe would load has to be the one that was built. */
async function findFlaw(work: Work, step: Extract<Step, { kind: 'install' }>): Promise<string | undefined> {
  const { release, version } = step;
  const module = await resolveModule(work.host, release);
  if (module === undefined) return `modprobe would find no module for ${release}`;
  const unusable = module.broken ?? module.unread;
  if (unusable !== undefined) return `${module.path}: ${unusable}`;
  const mismatch = vermagicMismatch(module, release, findKernel(work, release).configuration);
  if (mismatch !== undefined) return `${module.path}, which modprobe would load: ${mismatch}`;
  if (module.version !== undefined && module.version !== version) {
    return `modprobe would load ${module.path}, which is version ${module.version}`;
  }
  return undefined;
}

function installFailed(work: Work, step: Extract<Step, { kind: 'install' }>, run: DkmsRun): Outcome {
  if (run.cancelled && !timeIsUp(work.signal)) return { outcome: 'cancelled', text: 'cancelled' };
  const said = run.output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .findLast((line) => /error|fail|cannot|no space|read-only|denied/i.test(line));
  const headline = run.timedOut
    ? 'dkms install took too long'
    : `dkms install ended with ${run.exitCode ?? run.signal}${said === undefined ? '' : `: ${said}`}`;
  const hint = `see for yourself: dkms install --force -m ${PACKAGE} -v ${step.version} -k ${step.release}`;
  remember(work, {
    failures: {
      ...work.state.failures,
      [step.release]: {
        ...fingerprint(work, step.release, step.version),
        at: work.host.clock.now(),
        trigger: work.policy.trigger,
        tools: work.observation.tools.get(step.release) ?? '',
        code: 'install-failed',
        headline,
        cause: undefined,
        hint,
        transient: true,
        unsupported: false,
        log: undefined,
      },
    },
  });
  return { outcome: 'failed', text: headline, hint };
}
