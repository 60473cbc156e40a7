// Debian's packages, through apt-get and dpkg.
import type { Host } from '../../host/host.ts';
import type { Bench, Undo, Work } from '../step.ts';

/** Milliseconds for downloads and installation of a few hundred packages on a slow line. */
const LIMIT = 60 * 60_000;

const ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', APT_LISTCHANGES_FRONTEND: 'none' };
const DKMS_TREE = '/var/lib/dkms';
const LISTS = '/var/lib/apt/lists';

export function hasAptLists({ fs }: Host): boolean {
  return fs.list(LISTS).some((name) => name.includes('_Packages'));
}

export async function aptInstalled({ host }: Bench, names: readonly string[]): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  const states = await packageStates(host, 'Package', names);
  return new Set(
    states.split('\n').flatMap((line) => {
      const [status = '', name = ''] = line.split('\t');
      return status.startsWith('ii') ? [name] : [];
    }),
  );
}

/** Those of the names that the archive has. */
export async function aptCandidates(host: Host, names: readonly string[]): Promise<Set<string>> {
  const { stdout } = await host.exec.query('apt-cache', ['show', '--no-all-versions', ...names]);
  return new Set([...stdout.matchAll(/^Package: (\S+)$/gm)].map(([, name = '']) => name));
}

/** Where packages stand, in dpkg's terms. */
export interface HalfWay {
  /** Some are neither in place nor away. */
  readonly unfinished: boolean;
  /** Names of those whose files are not to be relied on: dpkg refuses each until it has unpacked it once more. */
  readonly damaged: readonly string[];
}

/**
 * Reads lines of dpkg-query's `${db:Status-Abbrev}`, a tab and `${binary:Package}`: what is wanted, what is (H
 * half-installed, U unpacked, F half-configured, W and t for triggers), and R where it has to be installed again
 * (dpkg-query(1), deb-status in dpkg(1)). Only what somebody wants to have installed counts.
 */
export function halfWay(lines: string): HalfWay {
  const wanted = lines.split('\n').flatMap((line) => {
    const [, is = '', error, name = ''] = /^i(.)(.)\t(.+)$/.exec(line) ?? [];
    return name === '' ? [] : [{ is, damaged: error === 'R', name }];
  });
  return {
    unfinished: wanted.some(({ is, damaged }) => damaged || 'HUF'.includes(is)),
    damaged: wanted.flatMap(({ damaged, name }) => (damaged ? [name] : [])),
  };
}

const INSTALL = ['apt-get', '--quiet', '--yes', '--no-install-recommends'];

/** Lists that are older than the archive's last change name files that are there no more. */
const UPDATE: Work & { kind: 'run' } = {
  kind: 'run',
  argv: ['apt-get', '--quiet', 'update'],
  network: true,
  timeLimit: LIMIT,
  hint: "See that the machine's sources of packages are right and reachable, then run the same command again.",
};

const OLD_LISTS = {
  100: 'not all lists of packages could be brought up to date; apt-get goes on with those that are there',
};

export async function aptWork(bench: Bench, missing: readonly string[]): Promise<Work[]> {
  if (missing.length === 0) return [];
  const { host } = bench;
  const known = hasAptLists(host) && (await aptCandidates(host, missing)).size === missing.length;
  return [
    ...(host.fs.list(UPDATES).some((name) => /^\d+$/.test(name)) ? [CONFIGURE] : []),
    known ? { ...UPDATE, tolerated: OLD_LISTS } : UPDATE,
    ...finish(bench, halfWay(await packageStates(host, 'binary:Package'))),
    {
      kind: 'run',
      argv: [...INSTALL, 'install', ...missing],
      env: ENVIRONMENT,
      network: true,
      timeLimit: LIMIT,
      undo: () => newPackages(bench, ['install', ...missing]),
      hint: 'Mend what apt-get names (often: dpkg --configure -a, or apt-get update), then run the same command again.',
    },
  ];
}

/** A line for each package: its state, a tab and its name, of all where none are named. */
async function packageStates(
  { exec }: Host,
  name: 'Package' | 'binary:Package',
  names: readonly string[] = [],
): Promise<string> {
  const format = `\${db:Status-Abbrev}\t\${${name}}\n`;
  const { stdout } = await exec.query('dpkg-query', ['-W', '-f', format, ...names]);
  return stdout;
}

/** What dpkg leaves behind that was killed: apt-get refuses to work until it has been gone through. */
const UPDATES = '/var/lib/dpkg/updates';

const CONFIGURE: Work = {
  kind: 'run',
  argv: ['dpkg', '--configure', '--pending'],
  env: ENVIRONMENT,
  timeLimit: LIMIT,
  tolerated: {
    1: 'dpkg was ended in the middle of its work, and some packages lack others still; apt-get goes on',
  },
};

/**
 * What is to be done before anything else can be installed. apt-get refuses each package while one lacks what it needs,
 * and of one that is to be unpacked once more it knows nothing where that was unpacked to its end.
 */
function finish(bench: Bench, { unfinished, damaged }: HalfWay): Work[] {
  const common = { kind: 'run', env: ENVIRONMENT, network: true, timeLimit: LIMIT } as const;
  // What it would have to remove for it is for a person to decide.
  const fix = ['--no-remove', '--fix-broken', 'install'];
  const later = 'some packages were left half-installed, and are not in order yet; apt-get goes on';
  const again = [...INSTALL, '--reinstall', 'install', ...damaged];
  return [
    ...(unfinished
      ? [
          {
            ...common,
            argv: [...INSTALL, ...fix],
            undo: () => newPackages(bench, fix),
            tolerated: { 100: later },
          },
        ]
      : []),
    ...(damaged.length > 0 ? [{ ...common, argv: again, tolerated: { 100: later } }] : []),
  ];
}

/** All that an installation would bring with it. */
async function newPackages({ host }: Bench, args: readonly string[]): Promise<readonly Undo[]> {
  const { stdout } = await host.exec.query('apt-get', ['--simulate', '--no-install-recommends', ...args]);
  // `Inst name (new …` is new, `Inst name [old] (new …` an upgrade of what was there.
  const added = [...stdout.matchAll(/^Inst (\S+) \(/gm)].map(([, name = '']) => name.replace(/:\w+$/, ''));
  const undo: Undo[] = added.length === 0 ? [] : [{ kind: 'packages', manager: 'apt', names: added }];
  return [...undo, ...dkmsTree(host, added)];
}

/** dkms makes keys in a folder that its package leaves behind. */
export function dkmsTree({ fs }: Host, names: readonly string[]): Undo[] {
  const comes = names.some((name) => /(?:^|\/)dkms$/.test(name));
  return comes && !fs.exists(DKMS_TREE) ? [{ kind: 'dkms-tree', path: DKMS_TREE }] : [];
}
