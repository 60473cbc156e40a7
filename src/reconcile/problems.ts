// What is wrong, to which kernel, why, and the command or setting that mends it. Pure.
import type { DriverJudgement, Health, KernelJudgement, Problem } from './judgement.ts';
import type { Observation } from './observation.ts';

/** Everything that somebody should know, the worst first. */
export function findProblems(
  observation: Observation,
  driver: DriverJudgement,
  kernels: readonly KernelJudgement[],
): Problem[] {
  const problems = [
    ...machineProblems(observation, driver),
    ...kernels.flatMap((kernel) => kernelProblem(observation, driver, kernel) ?? []),
    ...loadedProblem(observation, driver, kernels),
    ...observation.configWarnings.map((warning) => ({
      code: 'config',
      message: `${warning.place}: ${warning.message}`,
      hint: warning.hint,
      release: undefined,
      severity: 'degraded' as const,
    })),
  ];
  const order = { failed: 0, degraded: 1, note: 2 };
  return problems.sort((a, b) => order[a.severity] - order[b.severity]);
}

/** The machine's health: its worst problem's. */
export function healthOf(problems: readonly Problem[]): Health {
  if (problems.some((problem) => problem.severity === 'failed')) return 'failed';
  return problems.some((problem) => problem.severity === 'degraded') ? 'degraded' : 'ok';
}

function machineProblems(observation: Observation, driver: DriverJudgement): Problem[] {
  const problems: Problem[] = [];
  const add = (severity: Problem['severity'], code: string, message: string, hint: string): void => {
    problems.push({ code, message, hint, release: undefined, severity });
  };
  if (driver.source === undefined) problems.push(noSource(observation, driver));
  for (const source of driver.sources.filter((one) => one.refused !== undefined)) {
    add(
      'degraded',
      'source-refused',
      `nothing is built from ${source.path}: ${source.refused}`,
      `make it root's alone: chown -R root:root ${source.path} && chmod -R go-w ${source.path}`,
    );
  }
  if (observation.dkms.command === undefined && driver.source !== undefined) {
    add(
      'degraded',
      'no-dkms',
      'dkms is not installed, so nothing can be built',
      'install it: emerge sys-kernel/dkms',
    );
  }
  for (const [path, adopted] of Object.entries(observation.state.adopted)) {
    if (adopted.foreign && driver.source?.path === path) {
      add(
        'note',
        'adopted',
        `${path} was registered with dkms by somebody else; ttkmd has taken it over and left out its AUTOINSTALL`,
        'nothing to do; ttkmdctl uninstall gives it back',
      );
    }
  }
  for (const path of observation.readOnlySources) {
    add(
      'note',
      'not-taken-over',
      `${path} lies on a read-only file system, so AUTOINSTALL and POST_INSTALL stay in its dkms.conf: dkms's own hooks may build it too`,
      'make that file system writable once, then: ttkmdctl reconcile',
    );
  }
  if (!observation.kernels.some((kernel) => kernel.kind === 'installed' || kernel.kind === 'headers-only')) {
    add(
      'degraded',
      'no-kernels',
      '/lib/modules holds no kernel',
      'if it is a file system of its own, mount it; else install a kernel: emerge sys-kernel/gentoo-kernel',
    );
  }
  for (const path of observation.denied) {
    add('note', 'unreadable', `${path} may not be read by this user`, 'run the command as root to see all');
  }
  return problems;
}

function noSource({ config }: Observation, driver: DriverJudgement): Problem {
  const pinned = config.driver.version !== 'newest';
  const others = driver.sources.map((source) => source.version).join(', ');
  return {
    code: 'no-source',
    message: pinned
      ? `the driver version ${config.driver.version}, which driver.version asks for, is not in /usr/src${others ? ` (there is ${others})` : ''}`
      : 'there is no driver source in /usr/src/tenstorrent-<version>',
    hint: 'install it: emerge sys-kernel/tt-kmd, or unpack a release of tt-kmd there as root',
    release: undefined,
    severity: 'degraded',
  };
}

function kernelProblem(
  observation: Observation,
  driver: DriverJudgement,
  judged: KernelJudgement,
): Problem | undefined {
  const { kernel, state, failure } = judged;
  const release = kernel.release;
  const severity = severityOf(observation, judged);
  if (failure !== undefined && state !== 'current') {
    return {
      code: failure.unsupported ? 'unsupported' : 'build-failed',
      message: `${release}: ${failure.headline}${failure.cause === undefined ? '' : ` (${failure.cause})`}`,
      hint: failure.hint,
      release,
      severity: state === 'unsupported' && !kernel.running ? 'note' : severity,
    };
  }
  if (driver.source === undefined && state === 'missing') return undefined;
  if (state === 'missing' || state === 'drifted') {
    return {
      code: `module-${state}`,
      message: `${release}: ${state === 'missing' ? 'the driver is not built for it yet' : `its module is not current: ${judged.reason}`}`,
      hint: kernel.buildTree.ready ? 'ttkmdctl reconcile' : installHeaders(judged),
      release,
      severity,
    };
  }
  if (state === 'waiting') {
    return {
      code: 'waiting',
      message: `${release}: ${judged.reason}`,
      hint: installHeaders(judged),
      release,
      severity: kernel.kind === 'sources-only' ? 'note' : severity,
    };
  }
  if (state === 'unsupported' && kernel.running) {
    return {
      code: 'unsupported',
      message: `${release}: ${judged.reason}`,
      hint: 'boot a kernel that can take the driver; ttkmdctl kernels lists them',
      release,
      severity: observation.devices.length > 0 ? 'failed' : 'note',
    };
  }
  return undefined;
}

/** A kernel that nobody will boot spoils nothing; the running one without a driver is a failure if a device is there. */
function severityOf(
  { devices, loaded }: Observation,
  { kernel, bootable }: KernelJudgement,
): Problem['severity'] {
  if (kernel.running && devices.length > 0 && loaded === undefined) return 'failed';
  return bootable || kernel.kind === 'headers-only' ? 'degraded' : 'note';
}

function installHeaders({ kernel }: KernelJudgement): string {
  if (kernel.kind === 'sources-only') {
    return `configure and build it: cd ${kernel.sourceTree} && make olddefconfig && make && make modules_install install`;
  }
  switch (kernel.origin.kind) {
    case 'dist-kernel':
      return `emerge the kernel again: emerge =${kernel.origin.package.replace(/:.*/, '')}`;
    case 'distribution':
      return `install its headers: apt-get install linux-headers-${kernel.release}`;
    default:
      return `install the headers of ${kernel.release}, or remove the kernel if nobody boots it any more`;
  }
}

function loadedProblem(
  observation: Observation,
  driver: DriverJudgement,
  kernels: readonly KernelJudgement[],
): Problem[] {
  const running = kernels.find((one) => one.kernel.running);
  const { loaded, devices } = observation;
  if (running === undefined || running.state === 'unsupported') return [];
  if (loaded === undefined && devices.length > 0 && running.state === 'current') {
    return [
      {
        code: 'not-loaded',
        message: `the driver is installed for ${running.kernel.release} and not loaded, although a device is there`,
        hint: 'ttkmdctl reconcile loads it, or says why it cannot',
        release: running.kernel.release,
        severity: 'failed',
      },
    ];
  }
  if (loaded?.version !== undefined && driver.desired !== undefined && loaded.version !== driver.desired) {
    return [
      {
        code: 'reload-due',
        message: `driver ${loaded.version} is loaded, ${driver.desired} is wanted`,
        hint: 'reboot, or reload the driver when nobody uses the device',
        release: running.kernel.release,
        severity: 'degraded',
      },
    ];
  }
  return [];
}
