// Every setting in one table: its key, how it is read, its default and what it is for.
import type { Config } from './config.ts';
import {
  absolutePath,
  boolean,
  deviceList,
  duration,
  globs,
  groupName,
  integer,
  mode,
  oneOf,
  optional,
  type Parser,
  signingKey,
  size,
  version,
  wordOr,
} from './values.ts';

/** One setting as it stands in an ini file. */
export interface Setting<T = unknown> {
  readonly key: string;
  readonly parser: Parser<T>;
  /** The default as it is written in the file. */
  readonly written: string;
  /** One line for the person who reads the file or the manual. */
  readonly description: string;
}

type Table = {
  readonly [S in keyof Config]: {
    readonly description: string;
    readonly settings: { readonly [F in keyof Config[S]]: Setting<Config[S][F]> };
  };
};

export const TABLE: Table = {
  driver: {
    description: 'Which driver is kept installed.',
    settings: {
      version: setting(
        'version',
        wordOr('newest', version()),
        'newest',
        'The driver version to keep built: newest takes the highest one whose source is in /usr/src.',
      ),
      keepOld: setting(
        'keep_old',
        integer(0, 20),
        '1',
        'How many driver sources older than the wanted one are left in /usr/src, to go back to; beyond that those go that ttkmdctl bootstrap has brought and no kernel uses. Others are left alone.',
      ),
      reload: setting(
        'reload',
        oneOf(['never', 'when-idle', 'boot']),
        'never',
        'When the driver on disk takes the place of another one that is loaded: never (by a reboot, or ttkmdctl reload), when-idle (as soon as no process holds a device), or boot (while the machine boots, before anybody can).',
      ),
    },
  },
  kernels: {
    description: 'Which kernels get the driver.',
    settings: {
      exclude: setting(
        'exclude',
        globs(),
        '',
        'Kernel releases to leave alone, as patterns with spaces or commas between them.',
      ),
      archive: setting(
        'archive',
        boolean(),
        'no',
        'Keep what builds need of the build tree of each kernel in /var/lib/ttkmd/archive, so that a driver can be built for the kernel after the tree is removed.',
      ),
      archiveSize: setting(
        'archive_size',
        size(),
        '1G',
        'How much room these archives may take together; the running kernel comes first, then the newest.',
      ),
    },
  },
  build: {
    description: 'How the driver is built.',
    settings: {
      jobs: setting(
        'jobs',
        wordOr('auto', integer(1, 1024)),
        'auto',
        'Compilers at the same time: auto goes by MAKEOPTS, else by the number of processors.',
      ),
      nice: setting('nice', integer(0, 19), '10', 'CPU priority of a build; 19 is the most modest.'),
      timeLimit: setting(
        'time_limit',
        duration('1s', '7d'),
        '30m',
        'A build that takes longer is ended and counts as failed.',
      ),
      logsKept: setting(
        'logs_kept',
        integer(1, 10_000),
        '50',
        'Build logs to keep in /var/log/ttkmd/builds.',
      ),
    },
  },
  hook: {
    description: 'What happens while a kernel is being installed.',
    settings: {
      onFailure: setting(
        'on_failure',
        oneOf(['warn', 'fail']),
        'warn',
        'A driver that does not build: warn and let the kernel be installed, or fail its installation.',
      ),
      timeLimit: setting(
        'time_limit',
        duration('1s', '1d'),
        '15m',
        'The hook gives up after this long; the driver is then built later.',
      ),
    },
  },
  watch: {
    description: 'How new kernels and drivers are noticed, and kernels that are gone.',
    settings: {
      settle: setting(
        'settle',
        duration('0s', '1h'),
        '3s',
        'How long a change must have come to rest before anything is done about it; what is written to all the time is built from after an hour.',
      ),
      resync: setting(
        'resync',
        duration('1s', '30d'),
        '6h',
        'Look at everything this often, even if nothing was seen to change.',
      ),
    },
  },
  boot: {
    description: 'What happens at boot.',
    settings: {
      timeLimit: setting(
        'time_limit',
        duration('1s', '1d'),
        '10m',
        'The boot waits for the driver of the running kernel no longer than this.',
      ),
    },
  },
  hugepages: {
    description: 'Hugepages of 1 GiB, which the cards are fed from.',
    settings: {
      mode: setting(
        'mode',
        oneOf(['auto', 'always', 'off']),
        'auto',
        'auto allocates where the devices need them (behind an IOMMU that translates they do not, with driver 1.29 or later), always does everywhere, off leaves them alone.',
      ),
      wormhole: setting('wormhole', integer(0, 1024), '4', 'Pages for each Wormhole.'),
      blackhole: setting('blackhole', integer(0, 1024), '4', 'Pages for each Blackhole.'),
      grayskull: setting('grayskull', integer(0, 1024), '1', 'Pages for each Grayskull.'),
      total: setting(
        'total',
        optional(integer(0, 65_536)),
        '',
        'Pages on the whole machine, divided among the devices, whatever their kind; what does not divide is left out. It wins over /opt/tenstorrent/bin/hugepages-override.txt of tt-system-tools, which says the same.',
      ),
      extraPages: setting(
        'extra_pages',
        integer(0, 65_536),
        '0',
        'Pages on top of that, for other programs, even where the devices need none; spread over the nodes of the devices.',
      ),
      keepFree: setting(
        'keep_free',
        size(),
        '4G',
        'Memory that allocating pages must leave free on the machine, and a fair share of it on each NUMA node.',
      ),
      mount: setting(
        'mount',
        absolutePath(),
        '/dev/hugepages-1G',
        'Where the pages are mounted, while any are wanted.',
      ),
      mountMode: setting(
        'mount_mode',
        mode(),
        '0777',
        'Permissions of the mount; with mount_group, 0770 lets that group in alone.',
      ),
      mountGroup: setting(
        'mount_group',
        optional(groupName()),
        '',
        'Group that owns the mount, by name or number; root unless set.',
      ),
    },
  },
  devices: {
    description: 'PCI devices to take for Tenstorrent cards.',
    settings: {
      extra: setting(
        'extra',
        deviceList(),
        '',
        'Devices besides the known ones, as vendor:device=family with commas between them.',
      ),
    },
  },
  signing: {
    description: 'Signatures, for kernels that load signed modules only.',
    settings: {
      key: setting(
        'key',
        optional(signingKey()),
        '',
        "The private key to sign with, a file or a pkcs11: URI; unless set, MODULES_SIGN_KEY of make.conf, the key in the kernel's build tree, or dkms's.",
      ),
      certificate: setting(
        'certificate',
        optional(absolutePath()),
        '',
        'The certificate that belongs to the key; unless set, the one in the same file.',
      ),
    },
  },
  control: {
    description: 'Who may give orders to the daemon.',
    settings: {
      group: setting(
        'group',
        groupName(),
        'ttkmd',
        'Members of this group may tell it what to do, besides root.',
      ),
    },
  },
  log: {
    description: 'What is logged.',
    settings: {
      level: setting(
        'level',
        oneOf(['debug', 'info', 'warn', 'error']),
        'info',
        'The least important messages to log.',
      ),
      format: setting(
        'format',
        oneOf(['auto', 'pretty', 'json']),
        'auto',
        'auto is lines for people, with fields in the journal.',
      ),
    },
  },
};

function setting<T>(key: string, parser: Parser<T>, written: string, description: string): Setting<T> {
  return { key, parser, written, description };
}
