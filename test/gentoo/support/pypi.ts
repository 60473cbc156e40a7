// What the overlay's ebuilds fetch from PyPI, in .cache/gentoo: the files that their Manifests have the checksums of.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../../system/support/command.ts';
import { locked } from '../../system/support/lock.ts';
import { CACHE, PROJECT } from '../../system/support/project.ts';
import { portageFolder } from './portage.ts';

const FOLDER = join(CACHE, 'gentoo/pypi');

// A few files of a few MiB.
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
  const portage = await portageFolder();
  await mkdir(FOLDER, { recursive: true });
  await locked(join(FOLDER, 'lock'), LOCK_SECONDS, async () => {
    for (const one of await pypiPackages()) {
      if (existsSync(pypiFile(one))) continue;
      log(`fetching ${one.file}`);
      await download(portage, one);
    }
  });
}

/** pip builds a source's metadata before it lets go of it: with the tools that are here, and what a setup.py asks for. */
async function download(portage: string, { atom, version, file }: PypiPackage): Promise<void> {
  const name = atom.slice(atom.indexOf('/') + 1);
  const kind = file.endsWith('.whl')
    ? ['--only-binary', ':all:', '--python-version', PYTHON, '--platform', PLATFORM]
    : ['--no-binary', name, '--no-build-isolation'];
  const folder = join(FOLDER, `${name}.new`);
  await rm(folder, { recursive: true, force: true });
  const modules = join(folder, 'modules');
  await mkdir(modules, { recursive: true });
  await symlink(await pipsOwn(portage, 'tomli'), join(modules, 'tomli'));
  await command(
    [
      join(portage, 'bin/pip'),
      'download',
      '--quiet',
      '--no-deps',
      '--dest',
      folder,
      ...kind,
      `${name}==${version}`,
    ],
    { env: { ...process.env, LC_ALL: 'C.UTF-8', PYTHONPATH: modules } },
  );
  await rename(join(folder, file), join(FOLDER, file));
  await rm(folder, { recursive: true });
}

/** A module that pip brings for itself. */
async function pipsOwn(portage: string, name: string): Promise<string> {
  const [python = ''] = (await readdir(join(portage, 'lib'))).filter((one) => one.startsWith('python3'));
  return join(portage, 'lib', python, 'site-packages/pip/_vendor', name);
}
