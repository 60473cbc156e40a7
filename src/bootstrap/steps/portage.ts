// Gentoo's packages, through emerge; keywords and USE flags go into files of our own.
import { observeHookWays } from '../../deploy/hook-facts.ts';
import type { HostFs } from '../../host/fs.ts';
import type { Bench, Undo, Work } from '../step.ts';
import { dkmsTree } from './apt.ts';

/** Milliseconds: what is built from source takes its time. */
const LIMIT = 6 * 60 * 60_000;

const FOLDERS = { keywords: '/etc/portage/package.accept_keywords', use: '/etc/portage/package.use' };

/** Packages that are testing only on every architecture, with what they need of the same kind. */
const TESTING: Readonly<Record<string, readonly string[]>> = {
  'dev-python/pipx': ['dev-python/pipx', 'dev-python/userpath'],
  'dev-python/uv': ['dev-python/uv', 'dev-python/uv-build'],
  'sys-kernel/tt-kmd': ['sys-kernel/tt-kmd'],
};

/** Gentoo's names for what uname calls otherwise. */
const KEYWORDS: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', riscv64: 'riscv' };

/** What an admin has brought without Portage, and has told it of: a file, or a folder of files. See portage(5). */
const PROVIDED = '/etc/portage/profile/package.provided';

export function portageInstalled({ host }: Bench, atoms: readonly string[]): Set<string> {
  const provided = providedPackages(host.fs);
  return new Set(
    atoms.filter((atom) => {
      const [category = ''] = atom.split('/');
      const isVersion = new RegExp(`^${atom.replace(/[.+]/g, '\\$&')}-\\d`);
      const merged = host.fs.list(`/var/db/pkg/${category}`).map((entry) => `${category}/${entry}`);
      return [...merged, ...provided].some((one) => isVersion.test(one));
    }),
  );
}

function providedPackages(fs: HostFs): string[] {
  const files = [PROVIDED, ...fs.list(PROVIDED).map((name) => `${PROVIDED}/${name}`)];
  return files
    .filter((path) => fs.stat(path)?.kind === 'file')
    .flatMap((path) => (fs.readText(path) ?? '').split('\n').map((line) => line.replace(/#.*/, '').trim()));
}

export async function emergeWork(bench: Bench, atoms: readonly string[]): Promise<Work[]> {
  if (atoms.length === 0) return [];
  const emerge = [
    'emerge',
    '--ask=n',
    '--quiet-build=y',
    '--nospinner',
    '--color=n',
    '--noreplace',
    ...(bench.choices.getBinaryPackages ? ['--getbinpkg'] : []),
    ...atoms,
  ];
  return [
    ...settings(bench, FOLDERS.keywords, keywordLines(bench, atoms)),
    ...settings(bench, FOLDERS.use, useLines(bench, atoms)),
    {
      kind: 'run',
      argv: emerge,
      network: true,
      timeLimit: LIMIT,
      undo: () => newPackages(bench, emerge),
      hint: 'Mend what emerge names (an old tree: emerge --sync), then run the same command again: it goes on where it stopped.',
    },
  ];
}

function keywordLines({ host }: Bench, atoms: readonly string[]): string[] {
  const keyword = KEYWORDS[host.machine.arch];
  if (keyword === undefined) return [];
  return atoms.flatMap((atom) => TESTING[atom] ?? []).map((atom) => `${atom} ~${keyword}`);
}

/** dkms's own hooks are for the installkernel that is there only with the same flag. */
function useLines({ host }: Bench, atoms: readonly string[]): string[] {
  const { installkernel } = observeHookWays(host).useSystemd;
  return [
    ...(atoms.includes('sys-kernel/dkms') && installkernel !== undefined
      ? [`sys-kernel/dkms ${installkernel ? '' : '-'}systemd`]
      : []),
    ...(atoms.includes('sys-kernel/tt-kmd') ? ['sys-kernel/tt-kmd dkms'] : []),
  ];
}

/** Lines in a file of ours, beside those that an earlier step has written there. */
function settings({ host }: Bench, folder: string, lines: readonly string[]): Work[] {
  if (lines.length === 0) return [];
  const path = `${folder}/ttkmd`;
  const before = (host.fs.readText(path) ?? '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const text = [
    '# For what ttkmdctl bootstrap installs; ttkmdctl uninstall removes it.',
    ...new Set([...before, ...lines]),
  ];
  return [
    {
      kind: 'insist',
      text: `${folder} is a folder, or nothing`,
      async wrong() {
        if (host.fs.stat(folder)?.kind !== 'file') return undefined;
        return {
          message: `${folder} is a file of yours, which is not touched, and a file of its own has no place beside it.`,
          hint: `Make a folder of it (mv ${folder} ${folder}.mine && mkdir ${folder} && mv ${folder}.mine ${folder}/mine), or add there yourself: ${lines.join('; ')}`,
        };
      },
    },
    { kind: 'write', path, text: `${text.join('\n')}\n` },
  ];
}

/** All that an installation would bring with it, as emerge foretells it. */
async function newPackages(
  { host }: Bench,
  [emerge = '', ...args]: readonly string[],
): Promise<readonly Undo[]> {
  const { stdout } = await host.exec.query(emerge, ['--pretend', '--quiet', ...args], {
    timeLimit: 10 * 60_000,
  });
  // [ebuild  N     ] sys-kernel/dkms-3.2.2 …; NS is a new slot of what is there already.
  const names = [...stdout.matchAll(/^\[(?:ebuild|binary)\s+N([^\]]*)\]\s+(\S+)/gm)].map(
    ([, flags = '', found = '']) => {
      const package_ = found.replace(/::.*$/, '').replace(/:[^:]*$/, '');
      return flags.startsWith('S') ? `=${package_}` : package_.replace(/-\d[^/]*$/, '');
    },
  );
  const undo: Undo[] = names.length === 0 ? [] : [{ kind: 'packages', manager: 'portage', names }];
  return [...undo, ...dkmsTree(host, names)];
}
