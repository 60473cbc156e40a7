// What the overlay's ebuilds fetch from PyPI, in .cache/gentoo: the files that their Manifests have the checksums of.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../../system/support/command.ts';
import { locked } from '../../system/support/lock.ts';
import { CACHE, PROJECT } from '../../system/support/project.ts';
import { portageFolder } from './portage.ts';

const FOLDER = join(CACHE, 'gentoo/pypi');

// A few files of a few MiB, and the tools that pip builds each archive's metadata with.
const LOCK_SECONDS = 600;

/** The Python of the tests' root, for which there is a wheel where there is no source. */
export const PYTHON = '3.11';
const PLATFORM = 'manylinux_2_28_x86_64';

export interface PypiPackage {
  readonly atom: string;
  readonly version: string;
  /** As its Manifest names it. */
  readonly file: string;
}

/** Those that are installed on the tests' Python, dependencies first. */
export async function pypiPackages(): Promise<PypiPackage[]> {
  const atoms = [
    'dev-python/pyluwen',
    'dev-python/tt-umd',
    'dev-python/tt-tools-common',
    'sys-apps/tt-smi',
    'sys-apps/tt-flash',
  ];
  return Promise.all(atoms.map(describe));
}

async function describe(atom: string): Promise<PypiPackage> {
  const folder = join(PROJECT, 'overlay', atom);
  const [ebuild = ''] = (await readdir(folder)).filter((name) => name.endsWith('.ebuild'));
  const version = /-(\d[^-]*)\.ebuild$/.exec(ebuild)?.[1] ?? '';
  const names = [...(await readFile(join(folder, 'Manifest'), 'utf8')).matchAll(/^DIST (\S+)/gm)].map(
    ([, name = '']) => name,
  );
  const tag = `cp${PYTHON.replace('.', '')}`;
  const [file = ''] = names.length > 1 ? names.filter((name) => name.includes(`-${tag}-`)) : names;
  return { atom, version, file };
}

export function pypiFile({ file }: PypiPackage): string {
  return join(FOLDER, file);
}

export async function ensurePypi(log: (line: string) => void): Promise<void> {
  const pip = join(await portageFolder(), 'bin/pip');
  await mkdir(FOLDER, { recursive: true });
  await locked(join(FOLDER, 'lock'), LOCK_SECONDS, async () => {
    for (const one of await pypiPackages()) {
      if (existsSync(pypiFile(one))) continue;
      log(`fetching ${one.file}`);
      const name = one.atom.slice(one.atom.indexOf('/') + 1);
      const kind = one.file.endsWith('.whl')
        ? ['--only-binary', ':all:', '--python-version', PYTHON, '--platform', PLATFORM]
        : ['--no-binary', name];
      const folder = join(FOLDER, `${name}.new`);
      await command([
        pip,
        'download',
        '--quiet',
        '--no-deps',
        '--dest',
        folder,
        ...kind,
        `${name}==${one.version}`,
      ]);
      await rename(join(folder, one.file), pypiFile(one));
      await rm(folder, { recursive: true });
    }
  });
}
