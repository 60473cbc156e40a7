// What README.md and the man pages both say: files, module states, how to get the driver's source.
import { RULE_PATH } from '../../src/driver/rule.ts';
import { HOOK_PATH } from '../../src/reconcile/build-failed-hook.ts';

/** What ttkmd puts on a machine, and what it reads there. */
export const FILES: readonly (readonly [path: string, what: string])[] = [
  ['/usr/bin/ttkmdctl', 'The command.'],
  ['/usr/lib/ttkmd/', "The program, and a Node.js of its own where the system's will not do."],
  ['/etc/ttkmd/ttkmd.conf', 'The settings, see ttkmd.conf(5).'],
  ['/etc/ttkmd/ttkmd.conf.d/*.conf', 'More settings, read after it; later files win.'],
  [HOOK_PATH, "The admin's own program for builds that failed, see WHEN A BUILD FAILS."],
  ['/var/lib/ttkmd/', 'What is remembered: fingerprints, failures, history, what was installed.'],
  ['/var/log/ttkmd/builds/', 'One log for each build; the last 50 are kept.'],
  ['/run/ttkmd/', "The lock, the events of the run under way, the daemon's sockets."],
  ['/run/ttkmd/status.json', "What ttkmdctl status --json prints, as of the daemon's last look."],
  ['/usr/lib/kernel/install.d/35-ttkmd.install', "The hook for systemd's kernel-install."],
  [
    '/usr/lib/kernel/{preinst,postinst}.d/35-ttkmd.install',
    "The hooks for Gentoo's traditional installkernel.",
  ],
  ['/etc/kernel/{postinst,prerm,postrm}.d/35-ttkmd', "The hooks for Debian's kernel packages."],
  [
    '/usr/lib/systemd/system/ttkmd*.service',
    "Systemd's units, with tenstorrent.target and the mount unit of /dev/hugepages-1G.",
  ],
  ['/etc/init.d/ttkmd', "OpenRC's service, with ttkmd-boot, ttkmd-hugepages and /etc/conf.d/ttkmd."],
  ['/dev/hugepages-1G', 'Where hugepages are mounted, while any are wanted.'],
  ['/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf', 'Keeps a stale driver out of the initramfs.'],
  [RULE_PATH, "The driver's udev rule, from its source; it stays as long as the driver does."],
];

/** The states of a kernel's module. */
export const STATES: readonly (readonly [state: string, meaning: string])[] = [
  ['current', 'The module is what building today would give.'],
  ['drifted', 'A module is there, and building today would give another one.'],
  ['missing', 'No module is there. The next reconcile builds it, unless the row says what is in the way.'],
  [
    'failed',
    'No module is there, since building or installing it failed. It is tried again when something that it depended on has changed or somebody names the kernel, and at each reconcile where the cause may go away by itself.',
  ],
  [
    'waiting',
    'No module is there, and it can be built only when something else has come: mostly the build tree.',
  ],
  ['unsupported', 'This kernel cannot have the driver, or shall not.'],
  ['unknown', 'This user may not look at what the answer depends on.'],
];

/** How the driver's source comes to where dkms looks for it; to be run as root. */
export const SOURCE_COMMANDS: readonly string[] = [
  'version=2.9.0',
  'curl -fLo tt-kmd.tar.gz https://github.com/tenstorrent/tt-kmd/archive/refs/tags/ttkmd-$version.tar.gz',
  'mkdir /usr/src/tenstorrent-$version',
  'tar -xf tt-kmd.tar.gz -C /usr/src/tenstorrent-$version --strip-components=1 --no-same-owner',
];

/** What the admin's program for failed builds finds in its environment. */
export const HOOK_VARIABLES: readonly (readonly [name: string, what: string])[] = [
  ['TTKMD_RELEASE', 'The kernel release.'],
  ['TTKMD_VERSION', "The driver's version."],
  ['TTKMD_REASON', 'Why it failed, in a line.'],
  ['TTKMD_LOG', "The build's log."],
  ['TTKMD_TRIGGER', 'Who asked for the build: kernel-event, cli, and others.'],
];
