// Why tt-kmd's source cannot come from where it was asked to come from.
import { withoutCommand } from '../obstacles.ts';
import type { Bench, Wrong } from '../step.ts';
import { EBUILD, findConf, origin } from './source-origin.ts';

export async function obstacleOfSource(bench: Bench): Promise<Wrong | undefined> {
  const found = origin(bench);
  switch (found.kind) {
    case 'archive':
      return undefined;
    case 'ebuild':
      return bench.facts.manager === 'portage' ? undefined : NO_PORTAGE;
    case 'git':
      return withoutCommand(bench, 'source', 'git');
    case 'folder':
      return found.version === undefined ? noSource(found.path) : undefined;
    case 'tarball':
      return (await findConf(bench, found.path)) === undefined ? noTarball(found.path) : undefined;
  }
}

const NO_PORTAGE: Wrong = {
  message: `tt-kmd comes by ${EBUILD} only where there is Portage, and there is no emerge here.`,
  hint: 'Leave --kmd-source out for the pinned release, or name a folder, a tarball or URL#TAG.',
};

const OTHER_SOURCE =
  'Name a folder, a tarball or URL#TAG of tt-kmd by --kmd-source, or leave it out for the pinned release.';

export function noSource(what: string): Wrong {
  return {
    message: `${what} is no source of tt-kmd: it has no dkms.conf that names a version.`,
    hint: OTHER_SOURCE,
  };
}

export function noTarball(path: string): Wrong {
  return {
    message: `${path} is no tarball of tt-kmd: it has no dkms.conf that names a version.`,
    hint: OTHER_SOURCE,
  };
}
