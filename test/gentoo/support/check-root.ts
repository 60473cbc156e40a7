// Folders in which pkgcheck finds the overlay, and as its master the stand-in for Gentoo's own repository.

import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT } from '../../system/support/project.ts';

/** The versions of Python 3 that the tree has. */
const PYTHONS = [11, 12, 13, 14];

const REPOSITORY = join(PROJECT, 'test/gentoo/repo');

/** Lays them out. @returns the overlay's folder, and that of the configuration */
export async function layCheckRoot(folder: string): Promise<{ overlay: string; configuration: string }> {
  const gentoo = join(folder, 'gentoo');
  const overlay = join(folder, 'tenstorrent');
  await cp(REPOSITORY, gentoo, { recursive: true });
  await cp(join(PROJECT, 'overlay'), overlay, { recursive: true });
  await addPackages(gentoo);
  await mkdir(join(gentoo, 'licenses'));
  for (const name of await linesOf('licenses.txt'))
    await writeFile(join(gentoo, 'licenses', name), 'Stand-in.\n');

  const configuration = join(folder, 'etc');
  await mkdir(join(configuration, 'repos.conf'), { recursive: true });
  await writeFile(
    join(configuration, 'repos.conf/all.conf'),
    `[DEFAULT]\nmain-repo = gentoo\n[gentoo]\nlocation = ${gentoo}\n[tenstorrent]\nlocation = ${overlay}\n`,
  );
  await writeFile(join(configuration, 'make.conf'), '');
  await symlink(join(gentoo, 'profiles/base'), join(configuration, 'make.profile'));
  return { overlay, configuration };
}

async function addPackages(gentoo: string): Promise<void> {
  const categories = new Set((await readFile(join(gentoo, 'profiles/categories'), 'utf8')).split('\n'));
  for (const line of await linesOf('packages.txt')) {
    const [name = '', version = '', ...flags] = line.split(' ');
    const [category = '', packageName = ''] = name.split('/');
    const [number = '', slot = '0'] = version.split(':');
    categories.add(category);
    const uses = flags
      .flatMap((flag) =>
        flag === 'python' ? PYTHONS.map((minor) => `python_targets_python3_${minor}`) : [flag],
      )
      .join(' ');
    const folder = join(gentoo, category, packageName);
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, `${packageName}-${number}.ebuild`),
      [
        'EAPI=8',
        'DESCRIPTION="Stand-in"',
        'HOMEPAGE="https://www.gentoo.org/"',
        'LICENSE="MIT"',
        `SLOT="${slot}"`,
        'KEYWORDS="amd64 ~amd64"',
        `IUSE="${uses}"`,
        '',
      ].join('\n'),
    );
  }
  await writeFile(
    join(gentoo, 'profiles/categories'),
    `${[...categories].filter(Boolean).sort().join('\n')}\n`,
  );
}

async function linesOf(name: string): Promise<string[]> {
  const text = await readFile(join(REPOSITORY, name), 'utf8');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}
