// What README.md and the man pages both say: files, module states, how to get the driver's source.
import versions from '../../src/bootstrap/versions.json' with { type: 'json' };
import { RULE_PATH } from '../../src/driver/rule.ts';
import { HOOKS_FOLDER } from '../../src/reconcile/hook-files.ts';

/** What ttkmd puts on a machine, and what it reads there. */
export const FILES: readonly (readonly [path: string, what: string])[] = [
  ['/usr/bin/ttkmdctl', 'The command.'],
  ['/usr/lib/ttkmd/', "The program, and a Node.js of its own where the system's will not do."],
  ['/etc/ttkmd/ttkmd.conf', 'The settings, see ttkmd.conf(5).'],
  ['/etc/ttkmd/ttkmd.conf.d/*.conf', 'More settings, read after it; later files win.'],
  [`${HOOKS_FOLDER}/`, "The admin's own programs, see HOOKS."],
  ['/var/lib/ttkmd/', 'What is remembered: fingerprints, failures, history, what was installed.'],
  ['/var/log/ttkmd/builds/', 'One log for each build; the last 50 are kept.'],
  ['/var/log/ttkmd/bootstrap-*.log', 'A log for each bootstrap.'],
  [
    '/var/cache/ttkmd/',
    "What a bootstrap has downloaded, and in compiled/ what Node.js's compiler made of the program.",
  ],
  ['/opt/tenstorrent/', 'SFPI and tt-inference-server, where a bootstrap brings them.'],
  ['/opt/ttkmd/', "Tenstorrent's Python tools, where a bootstrap installs them."],
  ['/run/ttkmd/', "The lock, the events of the run under way, the daemon's sockets."],
  ['/run/ttkmd/status.sock', 'Where the daemon answers everybody, see SOCKETS.'],
  ['/run/ttkmd/control.sock', 'Where it takes orders from root and the group in control.group.'],
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
  ['/usr/share/ttkmd/login-message.sh', 'Prints a line while health is not ok, see A LINE AT LOGIN.'],
  ['/usr/lib/dracut/dracut.conf.d/50-ttkmd.conf', 'Keeps a stale driver out of the initramfs.'],
  [RULE_PATH, "The driver's udev rule, from its source; it stays as long as the driver does."],
];

/** What the daemon's sockets answer to. */
export const CALLS: readonly { readonly socket: string; readonly call: string; readonly what: string }[] = [
  {
    socket: '/run/ttkmd/status.sock',
    call: 'GET /status',
    what: 'What ttkmdctl status --json prints, two seconds old at most.',
  },
  {
    socket: '/run/ttkmd/status.sock',
    call: 'GET /history?lines=30',
    what: 'What ttkmdctl history --json prints.',
  },
  {
    socket: '/run/ttkmd/status.sock',
    call: 'GET /events',
    what: 'A line of JSON for each event from now on: type, at, and what belongs to it.',
  },
  {
    socket: '/run/ttkmd/control.sock',
    call: 'POST /reconcile',
    what: 'Starts a run. The body is {"kernel": RELEASE, "force": true}; both may be left out, and the body too.',
  },
  { socket: '/run/ttkmd/control.sock', call: 'POST /cancel', what: "Ends the daemon's run under way." },
  { socket: '/run/ttkmd/control.sock', call: 'POST /reload', what: 'Reads the settings again.' },
];

/** The services by their names under systemd and OpenRC, and what each is for. */
export const SERVICES: readonly (readonly [names: string, what: string])[] = [
  ['ttkmd-hugepages.service, ttkmd-hugepages', 'Early at boot: allocates hugepages and mounts them.'],
  [
    'ttkmd-boot.service, ttkmd-boot',
    'At boot: loads the driver of the running kernel, and builds it first if it must be, for at most boot.time_limit.',
  ],
  ['ttkmd.service, ttkmd', 'From then on: watches for new kernels and drivers, and serves the sockets.'],
  [
    'tenstorrent.target, ttkmd-boot',
    'What others order themselves against: Requires= or Wants= and After=tenstorrent.target under systemd, need or after ttkmd-boot under OpenRC.',
  ],
  ['ttkmd-health.service', 'Fails when health turns bad, for an OnFailure= of your own; under systemd only.'],
];

/** Ways to have the line at login; as root. */
export const LOGIN_COMMANDS: readonly string[] = [
  'ln -s /usr/share/ttkmd/login-message.sh /etc/profile.d/ttkmd.sh',
  'ln -s /usr/share/ttkmd/login-message.sh /etc/update-motd.d/95-ttkmd',
];

/** Settings that people ask for, as they are written. */
export const EXAMPLES: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['Stay with one driver version, whatever comes:', ['[driver]', 'version = 2.9.0']],
  ['Leave old kernels and a rescue system alone:', ['[kernels]', 'exclude = 5.* *-rescue']],
  [
    "Let a driver that does not build fail the kernel's installation, and give a slow machine time:",
    ['[hook]', 'on_failure = fail', 'time_limit = 1h', '[build]', 'jobs = 2', 'time_limit = 50m'],
  ],
  [
    'Let a group of your own give orders, and see more in the log:',
    ['[control]', 'group = wheel', '[log]', 'level = debug'],
  ],
];

/** The states of a kernel's module. */
export const STATES: readonly (readonly [state: string, meaning: string])[] = [
  ['current', 'The module is what building today would give.'],
  ['drifted', 'A module is there, and building today would give another one.'],
  ['missing', 'No module is there. The next reconcile builds it, unless the row says what is in the way.'],
  [
    'failed',
    'No module is there, since building or installing it failed. It is tried again when something that it depended on has changed or somebody names the kernel, and where the cause may go away by itself, at each reconcile: the daemon waits five minutes before that, then as long again as it has been failing.',
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
  `version=${versions.driver.version}`,
  'curl -fLo tt-kmd.tar.gz https://github.com/tenstorrent/tt-kmd/archive/refs/tags/ttkmd-$version.tar.gz',
  'mkdir /usr/src/tenstorrent-$version',
  'tar -xf tt-kmd.tar.gz -C /usr/src/tenstorrent-$version --strip-components=1 --no-same-owner',
];

/** What the admin may put into the folder for hooks, and when it is run. */
export const HOOK_NAMES: readonly (readonly [name: string, when: string])[] = [
  ['build-failed', 'A driver could not be built or installed for a kernel. 30 seconds.'],
  ['build-succeeded', 'A driver was built, installed and verified for a kernel. 30 seconds.'],
  [
    'pre-reload',
    'The loaded driver is about to be replaced: the time to drain what uses the card. An exit status other than 0 refuses that, and the last line that was printed is the reason that is shown. So does a program that is not run because others than root can write to it. 5 minutes.',
  ],
  [
    'post-reload',
    'It was replaced, or could not be; also where pre-reload refused, so that what was drained can be taken up again. 30 seconds.',
  ],
];

/** What the admin's programs find in their environment. */
export const HOOK_VARIABLES: readonly (readonly [name: string, what: string])[] = [
  ['TTKMD_EVENT', 'The name from the list above.'],
  ['TTKMD_RELEASE', 'The kernel release.'],
  ['TTKMD_VERSION', "The driver's version; for a reload that of the one that is to be loaded."],
  ['TTKMD_REASON', 'Why, or how it ended, in a line.'],
  ['TTKMD_TRIGGER', 'Who asked for it: boot, kernel-event, watch, timer, cli, bootstrap.'],
  ['TTKMD_LOG', "For builds: the build's log."],
  ['TTKMD_LOADED', 'For reloads: the version of the driver that is loaded before it.'],
  ['TTKMD_DEVICES', "For reloads: the devices' PCI addresses with spaces between them."],
  ['TTKMD_OUTCOME', 'For post-reload: done or failed.'],
];

/** How they are run. */
export const HOOK_RULES =
  'is run as root when its moment has come: the executable file of that name, or the executable files in a folder of that name, one after another by their names (not those that begin with a dot or end in ~ or .bak). ' +
  'Each has to belong to root, and so has every folder on the way to it, and nobody else may write to them. ' +
  'The time is for all of one name together; what one leaves running is ended with it. ' +
  "Those for builds come after all other steps of a run, and have 5 seconds where the run's own time is over. " +
  "What they print goes into the build's log, or for reloads is shown by the command that asked for it, and its last line is kept in the history, where each has an entry of its own. But for pre-reload, how they end changes nothing.";
