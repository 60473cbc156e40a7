// Modules that a package manager has installed as files of a package: they are that package's to build and to replace.
import type { Host } from '../host/host.ts';
import { isModuleFile } from './installed.ts';

export interface ModuleOwner {
  readonly manager: 'portage' | 'dpkg';
  /** With its version where the manager's records are kept by that: `sys-kernel/tt-kmd-2.10.0`. */
  readonly package: string;
}

/** A module file that a package says is its own, and that is there. */
export interface PackagedModule extends ModuleOwner {
  readonly release: string;
  readonly path: string;
}

const PORTAGE_RECORDS = '/var/db/pkg';
/** Where the driver's own ebuild is, so that all of Portage's records are not looked through for it. */
const EBUILD = { category: 'sys-kernel', name: /^tt-kmd-\d/ };

/** How each manager writes down whose a file is. */
const RECORDS = [
  {
    manager: 'portage',
    folder: PORTAGE_RECORDS,
    include: 'CONTENTS',
    line: (path: string) => `obj ${path} `,
    whole: [],
    owner: (record: string) => record.slice(PORTAGE_RECORDS.length + 1, -'/CONTENTS'.length),
    // What is being merged at this moment.
    isFinal: (owner: string) => !owner.includes('/-MERGING-'),
  },
  {
    manager: 'dpkg',
    folder: '/var/lib/dpkg/info',
    include: '*.list',
    line: (path: string) => path,
    whole: ['-x'],
    owner: (record: string) => record.slice(record.lastIndexOf('/') + 1).replace(/(?::[^:.]+)?\.list$/, ''),
    isFinal: () => true,
  },
] as const;

/**
 * Every module of ours that is a package's. The driver's own ebuild is asked for each time, which costs one folder;
 * of other packages nothing is known, and all that a manager knows is searched for the modules of `unclaimed` alone.
 * @param unclaimed by release, the path of a module that nobody has put there as far as dkms and we know
 */
export async function observePackaged(
  host: Pick<Host, 'fs' | 'exec'>,
  unclaimed: ReadonlyMap<string, string>,
): Promise<PackagedModule[]> {
  const known = ofTheEbuild(host);
  const rest = new Map([...unclaimed].filter(([, path]) => !known.some((one) => isSame(one.path, path))));
  return rest.size === 0 ? known : [...known, ...(await ofOtherPackages(host, rest))];
}

/** With /usr merged, a file is known by either name. */
export function isSame(a: string, b: string): boolean {
  return a.replace(/^\/usr\//, '/') === b.replace(/^\/usr\//, '/');
}

function ofTheEbuild({ fs }: Pick<Host, 'fs'>): PackagedModule[] {
  const folder = `${PORTAGE_RECORDS}/${EBUILD.category}`;
  return fs
    .list(folder)
    .filter((name) => EBUILD.name.test(name))
    .flatMap((name) => {
      const contents = fs.readText(`${folder}/${name}/CONTENTS`) ?? '';
      return [...contents.matchAll(/^obj ((?:\/usr)?\/lib\/modules\/([^/]+)\/\S+) \S+ \d+$/gm)]
        .map(([, path = '', release = '']) => ({ path: path.replace(/^\/usr\//, '/'), release }))
        .filter(({ path }) => isModuleFile(path) && fs.exists(path))
        .map((found) => ({ ...found, manager: 'portage' as const, package: `${EBUILD.category}/${name}` }));
    });
}

async function ofOtherPackages(
  { fs, exec }: Pick<Host, 'fs' | 'exec'>,
  paths: ReadonlyMap<string, string>,
): Promise<PackagedModule[]> {
  const found: PackagedModule[] = [];
  for (const { manager, folder, include, line, whole, owner, isFinal } of RECORDS) {
    if (!fs.exists(folder)) continue;
    const patterns = [...paths.values()].flatMap((path) => {
      const bare = path.replace(/^\/usr\//, '/');
      return ['-e', line(bare), '-e', line(`/usr${bare}`)];
    });
    const { stdout } = await exec.query('grep', [
      '-rHoF',
      ...whole,
      `--include=${include}`,
      ...patterns,
      folder,
    ]);
    for (const text of stdout.split('\n')) {
      const [, record = '', match = ''] = /^(.*\/(?:CONTENTS|[^/]*\.list)):(.*)$/.exec(text) ?? [];
      const hit = [...paths].find(([, path]) => isSame(path, match.replace(/^obj (.*) $/, '$1')));
      const name = owner(record);
      if (hit !== undefined && isFinal(name)) {
        found.push({ manager, package: name, release: hit[0], path: hit[1] });
      }
    }
  }
  return found;
}
