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
  const format = '$' + '{db:Status-Abbrev}\t$' + '{Package}\n';
  const { stdout } = await host.exec.query('dpkg-query', ['-W', '-f', format, ...names]);
  return new Set(
    stdout.split('\n').flatMap((line) => {
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

export async function aptWork(bench: Bench, missing: readonly string[]): Promise<Work[]> {
  const update: Work = {
    kind: 'run',
    argv: ['apt-get', '--quiet', 'update'],
    network: true,
    timeLimit: LIMIT,
    hint: "See that the machine's sources of packages are right and reachable, then run the same command again.",
  };
  if (missing.length === 0) return [];
  const { fs } = bench.host;
  const stale = !hasAptLists(bench.host) || (await aptCandidates(bench.host, missing)).size < missing.length;
  return [
    ...(fs.list(UPDATES).some((name) => /^\d+$/.test(name)) ? [CONFIGURE] : []),
    ...(stale ? [update] : []),
    {
      kind: 'run',
      argv: ['apt-get', '--quiet', '--yes', '--no-install-recommends', 'install', ...missing],
      env: ENVIRONMENT,
      network: true,
      timeLimit: LIMIT,
      undo: () => newPackages(bench, missing),
      hint: 'Mend what apt-get names (often: dpkg --configure -a, or apt-get update), then run the same command again.',
    },
  ];
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

/** All that an installation would bring with it. */
async function newPackages({ host }: Bench, names: readonly string[]): Promise<readonly Undo[]> {
  const { stdout } = await host.exec.query('apt-get', [
    '--simulate',
    '--no-install-recommends',
    'install',
    ...names,
  ]);
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
