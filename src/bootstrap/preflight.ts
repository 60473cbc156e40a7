// What stands in the way of a bootstrap, all of it at once. Pure.
import type { ConfigWarning } from '../reconcile/observation.ts';
import type { Facts, LackingKernel } from './facts.ts';
import { closedPlaces, smallPlaces } from './places.ts';
import type { StepName, Wrong } from './step.ts';

export interface Finding {
  readonly code: string;
  /** `stop`: it cannot work. `warning`: something will be missing. `note`: worth knowing. */
  readonly severity: 'stop' | 'warning' | 'note';
  readonly message: string;
  readonly hint: string;
}

/** Where something is downloaded from, and why it cannot be; undefined where it can. */
export interface Reached {
  readonly from: string;
  readonly why: string | undefined;
}

const SUPPORTED_ARCHITECTURES = ['x86_64', 'aarch64'];

const GRAVITY = { stop: 0, warning: 1, note: 2 };

/**
 * @param obstacles what single steps cannot do without
 * @param settings lines of the configuration that are left out
 */
export function preflight(
  facts: Facts,
  steps: readonly StepName[],
  reached: readonly Reached[],
  obstacles: readonly Wrong[] = [],
  settings: readonly ConfigWarning[] = [],
): Finding[] {
  return [
    ...rights(facts),
    ...distribution(facts, steps),
    ...places(facts, steps),
    ...obstacles.map(({ message, hint }) => stop('obstacle', message, hint)),
    ...reached.flatMap(network),
    ...settings.map(({ place, message, hint }) => warning('settings', `${place}: ${message}`, hint)),
    ...(steps.includes('driver')
      ? [...kernels(facts), ...signing(facts), ...facts.kernelsWithout.map(options)]
      : []),
    ...boards(facts),
  ].sort((a, b) => GRAVITY[a.severity] - GRAVITY[b.severity]);
}

function rights({ root }: Facts): Finding[] {
  if (root) return [];
  return [stop('not-root', 'This needs root.', 'Run it by sudo; --dry-run and --list need none.')];
}

function distribution({ os, manager, init, arch, libc }: Facts, steps: readonly StepName[]): Finding[] {
  const findings: Finding[] = [];
  if (manager === undefined && steps.includes('packages')) {
    findings.push(
      stop(
        'no-package-manager',
        `Neither emerge nor apt-get is here (${os.name || 'a distribution without a name'}), so packages cannot be installed.`,
        'Install dkms, kmod and a compiler by your own means, and add --without packages.',
      ),
    );
  }
  if (!SUPPORTED_ARCHITECTURES.includes(arch)) {
    findings.push(
      warning(
        'architecture',
        `tt-kmd is not tried on ${arch}.`,
        `Upstream builds for ${SUPPORTED_ARCHITECTURES.join(' and ')}.`,
      ),
    );
  }
  if (libc === 'musl') {
    findings.push(
      note(
        'musl',
        'This is a musl profile, for which a release brings no Node.js.',
        'Keep net-libs/nodejs installed.',
      ),
    );
  }
  if (init === undefined) {
    findings.push(
      warning(
        'no-init',
        'Neither systemd nor OpenRC was found, so no services are set up.',
        'Let your own init run `ttkmdctl boot` once at boot, and `ttkmdctl daemon` from then on.',
      ),
    );
  } else if (!init.live) {
    findings.push(
      note(
        'init-not-live',
        `${init.kind} does not run here now, as in a chroot: services are enabled and not started.`,
        'They start at the next boot.',
      ),
    );
  }
  return findings;
}

function places({ free, readOnly }: Facts, steps: readonly StepName[]): Finding[] {
  const closed = closedPlaces(readOnly, steps);
  return [
    ...closed.map((path) =>
      stop(
        'read-only',
        `${path} is on a file system that is mounted read-only.`,
        `Mount it writable for as long as this takes: mount -o remount,rw ${path}, or its mount point.`,
      ),
    ),
    ...smallPlaces(free, steps)
      .filter(({ path }) => !closed.includes(path))
      .map(({ path, there, needed }) =>
        stop(
          'no-space',
          `${path} has ${mebibytes(there)} free, and ${mebibytes(needed)} are needed.`,
          'Make room there.',
        ),
      ),
  ];
}

function network({ from, why }: Reached): Finding[] {
  if (why === undefined) return [];
  return [
    stop(
      'unreachable',
      `${from} cannot be reached: ${why}.`,
      'Behind a proxy set https_proxy (sudo keeps it with --preserve-env=https_proxy); without a network give --mirror DIR, which `ttkmdctl bootstrap fetch DIR` fills elsewhere.',
    ),
  ];
}

function kernels({ kernels: all, os }: Facts): Finding[] {
  const installed = all.filter(({ kind }) => kind === 'installed');
  if (installed.length === 0) {
    return [
      warning(
        'no-kernel',
        'No kernel with modules is installed here (/lib/modules has none), so the driver is built for none.',
        'It is built when one comes: the hooks and the daemon see to that.',
      ),
    ];
  }
  return installed
    .filter(({ buildTree }) => !buildTree.ready)
    .map(({ release, running, buildTree, origin }) => {
      const text = `${release}${running ? ', which runs now,' : ''} cannot have the driver yet: ${buildTree.missing[0]?.text ?? 'its build tree is not ready'}.`;
      const hint =
        os.id === 'debian' || os.like.includes('debian')
          ? `The step packages installs linux-headers-${release} where the archive has it.`
          : origin.kind === 'dist-kernel'
            ? `Emerge the kernel again: emerge --oneshot =${origin.package.replace(/:.*/, '')}`
            : 'Build that kernel, or boot and keep one whose headers are installed.';
      return warning('no-headers', text, hint);
    });
}

function signing({ secureBoot, signaturesEnforced }: Facts): Finding[] {
  if (!secureBoot && !signaturesEnforced) return [];
  const what = secureBoot ? 'Secure Boot is on' : 'The running kernel takes signed modules only';
  return [
    warning(
      'signing',
      `${what}: a driver that no key of the kernel's has signed is not loaded.`,
      'Have a key that the kernel trusts: on Gentoo MODULES_SIGN_KEY in make.conf, elsewhere ttkmdctl signing enroll.',
    ),
  ];
}

function options({ release, options: names, dist }: LackingKernel): Finding {
  const text = `${release} was built without ${names.map((name) => `CONFIG_${name}`).join(', ')}, which tt-kmd needs.`;
  return warning(
    'kernel-options',
    text,
    dist
      ? 'The step kernel-options writes them to /etc/kernel/config.d; then emerge that kernel again.'
      : 'Build that kernel with them, or boot another one.',
  );
}

function boards({ devices, iommu }: Facts): Finding[] {
  if (devices.length === 0) {
    return [
      warning(
        'no-device',
        'No Tenstorrent card is seen on the PCI bus.',
        'All is set up all the same; see that the card is seated and powered, then: lspci -d 1e52:',
      ),
    ];
  }
  const names = devices.map(({ family, address }) => `${family} at ${address}`).join(', ');
  const how = iommu ? 'through an IOMMU' : 'without an IOMMU, which takes 1 GiB hugepages';
  return [
    note(
      'devices',
      `${devices.length === 1 ? 'One card' : `${devices.length} cards`}: ${names}; ${how}.`,
      'ttkmdctl status',
    ),
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)} MiB`;
}

function stop(code: string, message: string, hint: string): Finding {
  return { code, severity: 'stop', message, hint };
}

function warning(code: string, message: string, hint: string): Finding {
  return { code, severity: 'warning', message, hint };
}

function note(code: string, message: string, hint: string): Finding {
  return { code, severity: 'note', message, hint };
}
