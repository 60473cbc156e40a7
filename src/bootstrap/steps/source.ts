// tt-kmd's source in /usr/src: upstream's archive of a pinned version, or what the caller names; root's alone, in one step.
import { dkmsVariable } from '../../driver/dkms-conf.ts';
import { hashTree, readTree } from '../../driver/source-tree.ts';
import { observeSources, PACKAGE } from '../../driver/sources.ts';
import { readJournal } from '../journal.ts';
import { fileName } from '../mirror.ts';
import type { Bench, BootstrapStep, Check, Work, Wrong } from '../step.ts';
import { planPackages } from './packages.ts';
import { portageInstalled } from './portage.ts';
import { noSource, noTarball, obstacleOfSource } from './source-obstacles.ts';
import {
  EBUILD,
  findConf,
  NOTE_PATH,
  type Note,
  noteFrom,
  type Origin,
  origin,
  readNote,
} from './source-origin.ts';

export const CACHE = '/var/cache/ttkmd';
/** Its name does not begin as a driver source's does, so that nobody takes it for one. */
const STAGING = '/usr/src/.ttkmd-source';
const CLONE = `${CACHE}/tt-kmd.git`;

const LIMIT = 10 * 60_000;

export const source: BootstrapStep = {
  name: 'source',
  title: "tt-kmd's source",
  check: checkSource,
  obstacle: obstacleOfSource,
  plan: planSource,
};

async function checkSource(bench: Bench): Promise<Check> {
  const { fs } = bench.host;
  const found = origin(bench);
  if (found.kind === 'ebuild') {
    const there = portageInstalled(bench, [EBUILD]).size > 0;
    return { done: there, why: `${EBUILD} is ${there ? '' : 'not '}installed` };
  }
  if (found.kind === 'archive' || found.kind === 'folder') {
    const { version } = found;
    const path = targetOf(version ?? '?');
    if (!usable(bench, version)) return { done: false, why: `${path} is not there` };
    const same =
      found.kind === 'archive' || hashTree(fs, readTree(fs, path)) === hashTree(fs, readTree(fs, found.path));
    return { done: same, why: same ? `${path} is there` : `${path} is not what ${found.path} has` };
  }
  const note = readNote(bench);
  const from = noteFrom(found);
  const done = note?.from === from && usable(bench, note.version);
  return {
    done,
    why: done
      ? `${targetOf(note.version)} came from it`
      : `it has not come from ${bench.choices.kmdSource} yet`,
  };
}

function usable({ host }: Bench, version: string | undefined): boolean {
  return observeSources(host.fs).some((one) => one.version === version && one.refused === undefined);
}

async function planSource(bench: Bench): Promise<Work[]> {
  const found = origin(bench);
  switch (found.kind) {
    case 'ebuild':
      return planPackages(bench, { apt: [], portage: [EBUILD] }, false);
    case 'archive': {
      const { driver } = bench.versions;
      const archive = `${CACHE}/${fileName(driver.url)}`;
      return [
        { kind: 'download', download: driver, to: archive },
        ...staged(bench, unpack(archive, 1), found.version),
      ];
    }
    case 'tarball': {
      const inside = await findConf(bench, found.path);
      if (inside === undefined) return [refuse(noTarball(found.path))];
      return [
        ...staged(bench, unpack(found.path, inside.depth), inside.version),
        note(noteFrom(found), inside.version),
      ];
    }
    case 'folder':
      if (found.version === undefined) return [refuse(noSource(found.path))];
      return staged(bench, copy(found.path), found.version);
    case 'git':
      return planGit(bench, found);
  }
}

/** The version is known only when the clone is there; what is done with it follows then. */
function planGit(bench: Bench, found: Extract<Origin, { kind: 'git' }>): Work[] {
  const { fs } = bench.host;
  const marker = `${CLONE}/.ttkmd-from`;
  if (fs.readText(marker)?.trim() !== noteFrom(found)) {
    const clone = ['git', 'clone', '--quiet', '--depth', '1', '--branch', found.tag, '--', found.url, CLONE];
    return [
      { kind: 'remove', path: CLONE },
      {
        kind: 'run',
        argv: clone,
        network: true,
        timeLimit: LIMIT,
        undo: () => [{ kind: 'tree', path: CLONE }],
        hint: 'See that the address and the tag are right (tt-kmd calls its tags ttkmd-<version>), then run the same command again.',
      },
      { kind: 'write', path: marker, text: `${noteFrom(found)}\n` },
    ];
  }
  const version = dkmsVariable(fs.readText(`${CLONE}/dkms.conf`) ?? '', 'PACKAGE_VERSION');
  if (version === undefined) return [refuse(noSource(`${found.url} at ${found.tag}`))];
  return [...staged(bench, copy(CLONE), version), note(noteFrom(found), version)];
}

/** A folder of root's own is filled, looked at, and put in place by one rename. */
function staged(bench: Bench, fill: readonly Work[], version: string): Work[] {
  const { fs } = bench.host;
  const target = targetOf(version);
  const ours = readJournal(fs).steps.some(({ undo }) =>
    undo.some((one) => one.kind === 'tree' && one.path === target),
  );
  return [
    { kind: 'remove', path: STAGING },
    run(['mkdir', '-p', '-m', '0755', STAGING], STAGING),
    ...fill,
    run(['chown', '-R', 'root:root', STAGING]),
    run(['chmod', '-R', 'u+rwX,go+rX,go-w', STAGING]),
    {
      kind: 'insist',
      text: `${STAGING}/dkms.conf is for ${PACKAGE} ${version}, and ${target} is free`,
      async wrong() {
        const conf = fs.readText(`${STAGING}/dkms.conf`) ?? '';
        const name = dkmsVariable(conf, 'PACKAGE_NAME');
        if (name !== PACKAGE || dkmsVariable(conf, 'PACKAGE_VERSION') !== version) {
          return {
            message: `What was unpacked is not ${PACKAGE} ${version}, by its dkms.conf.`,
            hint: 'Name another source by --kmd-source.',
          };
        }
        if (ours || fs.lstat(target) === undefined) return undefined;
        return {
          message: `${target} is there already, and no bootstrap put it there.`,
          hint: `Move it away, then run the same command again: mv ${target} /root/`,
        };
      },
    },
    ...(ours ? [{ kind: 'remove', path: target } as const] : []),
    { kind: 'rename', from: STAGING, to: target, undo: [{ kind: 'tree', path: target }] },
  ];
}

function unpack(archive: string, depth: number): Work[] {
  const options = ['--no-same-owner', '--no-same-permissions', `--strip-components=${depth}`];
  return [run(['tar', '--extract', '--file', archive, '--directory', STAGING, ...options])];
}

function copy(folder: string): Work[] {
  return [
    run(['cp', '-r', '-T', '--no-preserve=ownership', folder, STAGING]),
    { kind: 'remove', path: `${STAGING}/.git` },
    { kind: 'remove', path: `${STAGING}/.ttkmd-from` },
  ];
}

function run(argv: readonly string[], made?: string): Work {
  const undo = made === undefined ? {} : { undo: () => [{ kind: 'tree', path: made } as const] };
  return { kind: 'run', argv, timeLimit: LIMIT, ...undo };
}

function note(from: string, version: string): Work {
  return { kind: 'write', path: NOTE_PATH, text: `${JSON.stringify({ from, version } satisfies Note)}\n` };
}

function refuse(wrong: Wrong): Work {
  return { kind: 'insist', text: 'there is a source of tt-kmd to take', wrong: async () => wrong };
}

export function targetOf(version: string): string {
  return `/usr/src/${PACKAGE}-${version}`;
}

/** The version that the step brings, or has brought; undefined where that is not known yet. */
export function sourceVersion(bench: Bench): string | undefined {
  const found = origin(bench);
  if (found.kind === 'archive' || found.kind === 'folder') return found.version;
  if (found.kind !== 'ebuild') return readNote(bench)?.version;
  return observeSources(bench.host.fs).find(({ refused }) => refused === undefined)?.version;
}
