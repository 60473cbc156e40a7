// Installs a built module through dkms and looks again, at the file and not at dkms's word.
import { adoptStaged, clearStaging, type DkmsRun, install } from '../dkms/commands.ts';
import type { InstalledModule } from '../driver/driver.ts';
import { resolveModule } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { fileHash } from '../host/hash.ts';
import type { Configuration } from '../kernels/kernel.ts';
import { without } from '../state/state.ts';
import { findKernel, fingerprint, target, timeIsUp } from './apply-build.ts';
import { ownHashes, removeOwnCopies } from './own-copies.ts';
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
  const ours = release in work.state.modules || work.state.intent?.release === release;
  const linked = observation.dkms.active.some((link) => link.release === release && !link.dangling);
  const own = ownHashes(work, release);
  const damaged = observation.modules.get(release);

  remember(work, { intent: { release, version, step: 'install', own } });
  // Dkms would not know a damaged file for its own; nothing is lost with it.
  if ((ours || linked) && damaged?.broken !== undefined) host.fs.remove(damaged.path);
  await adoptStaged(host, observation.dkms.tree, target(work, step));
  clearStaging(host);
  // Without its link for the release, dkms would keep a copy of its own as the kernel's original module, in place
  // of a true one that it has put aside before.
  if (!linked) removeOwnCopies(work, release, own);
  // It is short, and in its middle no module is there: who interrupts waits for its end.
  const signal = new AbortController().signal;
  const run = await install(host, target(work, step), { ...runSettings(work), signal });
  if (run.exitCode !== 0) return installFailed(work, step, run);

  const { flaw, path } = await look(work, step);
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
      [release]: {
        ...fingerprint(work, release, version),
        ...{ at, trigger: work.policy.trigger, seconds, file: path && fileHash(host.fs, path) },
      },
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
async function look(
  work: Work,
  { release, version }: Extract<Step, { kind: 'install' }>,
): Promise<{ flaw: string | undefined; path: string | undefined }> {
  const module = await resolveModule(work.host, release);
  const flaw =
    module === undefined
      ? `modprobe would find no module for ${release}`
      : findFlaw(module, version, findKernel(work, release).configuration);
  return { flaw, path: module?.path };
}

function findFlaw(
  module: InstalledModule,
  version: string,
  configuration: Configuration,
): string | undefined {
  if (module.broken !== undefined) return `${module.path}: ${module.broken}`;
  const mismatch = vermagicMismatch(module, module.release, configuration);
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
