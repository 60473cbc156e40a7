// Installs a built module through dkms and looks again, at the file and not at dkms's word.
import { adoptStaged, builtFolder, clearStaging, type DkmsRun, install } from '../dkms/commands.ts';
import { dropOriginal } from '../dkms/mend.ts';
import { builtModules } from '../dkms/tree.ts';
import type { InstalledModule } from '../driver/driver.ts';
import { readModule, resolveModule, shadowIdentity, strayModules } from '../driver/installed.ts';
import { PACKAGE } from '../driver/sources.ts';
import { vermagicMismatch } from '../driver/vermagic.ts';
import { type FailureRecord, without } from '../state/state.ts';
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
  if (flaw !== undefined) return verifyFailed(work, step, flaw);
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

/** What stays wrong after dkms has ended well. */
interface Flaw {
  readonly code: 'install-failed' | 'not-found' | 'shadowed';
  readonly text: string;
  readonly hint: string;
}

/** The module that modprobe would load has to be the one that was built. */
async function findFlaw(work: Work, step: Extract<Step, { kind: 'install' }>): Promise<Flaw | undefined> {
  const { host } = work;
  const { release, version } = step;
  const module = await resolveModule(host, release);
  if (module === undefined) {
    return {
      code: 'not-found',
      text: `modprobe would find no module for ${release}`,
      hint: `see where depmod looks: grep -r search /etc/depmod.d /usr/lib/depmod.d, then: depmod -a ${release}`,
    };
  }
  if (module.broken !== undefined) {
    const hint = `see what modprobe would load: modinfo -k ${release} ${PACKAGE}`;
    return { code: 'install-failed', text: `${module.path}: ${module.broken}`, hint };
  }
  const mismatch = vermagicMismatch(module, release, findKernel(work, release).configuration);
  const other =
    module.version !== undefined && module.version !== version
      ? `version ${module.version}`
      : mismatch === undefined && (await isBuilt(work, step, module))
        ? undefined
        : (mismatch ?? `another build of ${version}`);
  return other === undefined ? undefined : shadowed(work, step, module.path, other);
}

/** Whether a module is the one that dkms keeps as built; its source's checksum goes through signing and packing. */
async function isBuilt(
  work: Work,
  step: Extract<Step, { kind: 'install' }>,
  module: InstalledModule,
): Promise<boolean> {
  const [path] = builtModules(work.host.fs, builtFolder(work.observation.dkms.tree, target(work, step)));
  if (path === undefined) return true;
  const built = await readModule(work.host, step.release, path);
  const known = built.sourceVersion !== undefined && module.sourceVersion !== undefined;
  return !known || built.sourceVersion === module.sourceVersion;
}

function shadowed(work: Work, { release }: { release: string }, path: string, what: string): Flaw {
  const others = strayModules(work.host.fs, release).filter((one) => one !== path);
  const ours = others.length === 0 ? '' : ` (${others.join(', ')})`;
  return {
    code: 'shadowed',
    text: `modprobe would load ${path} (${what}) and not what was installed${ours}`,
    hint: `see whose it is: qfile ${path}, or dpkg -S ${path}; unmerge that package or remove the file, then: depmod -a ${release}. Where it is not to go, depmod.d(5) has the order`,
  };
}

/** What will not go away by itself is not built again until the file in the way or depmod's settings change. */
function verifyFailed(work: Work, step: Extract<Step, { kind: 'install' }>, flaw: Flaw): Outcome {
  const { code, text, hint } = flaw;
  if (code === 'install-failed') return { outcome: 'failed', text: `installed, but ${text}`, hint };
  const shadow = shadowIdentity(work.host.fs, step.release);
  rememberFailure(work, step, { code, headline: text, hint, transient: false, shadow });
  remember(work, { intent: undefined });
  return { outcome: 'failed', text: `installed, but ${text}`, hint };
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
  rememberFailure(work, step, { code: 'install-failed', headline, hint, transient: true });
  return { outcome: 'failed', text: headline, hint };
}

function rememberFailure(
  work: Work,
  { release, version }: Extract<Step, { kind: 'install' }>,
  failure: Pick<FailureRecord, 'code' | 'headline' | 'hint' | 'transient' | 'shadow'>,
): void {
  const record: FailureRecord = {
    ...fingerprint(work, release, version),
    ...failure,
    at: work.host.clock.now(),
    trigger: work.policy.trigger,
    tools: work.observation.tools.get(release) ?? '',
    cause: undefined,
    unsupported: false,
    log: undefined,
  };
  remember(work, { failures: { ...work.state.failures, [release]: record } });
}
