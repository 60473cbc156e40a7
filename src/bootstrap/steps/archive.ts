// A folder below /opt/tenstorrent that comes out of an archive: filled beside its place, and put there by one rename.
import { fileName } from '../mirror.ts';
import type { Bench, Download, Work } from '../step.ts';
import { missingFolders } from '../work.ts';
import { CACHE } from './source.ts';

const PARENT = '/opt/tenstorrent';
/** Says which version is there, since what is unpacked does not tell. */
const MARK = '.ttkmd-version';
const LIMIT = 20 * 60_000;

export interface Unpacked {
  /** The folder's name below /opt/tenstorrent. */
  readonly name: string;
  readonly version: string;
  readonly download: Download;
  /** Whose it is; root's where nobody is named. */
  readonly owner?: string | undefined;
}

export function folderOf(name: string): string {
  return `${PARENT}/${name}`;
}

/** The version that an earlier bootstrap has put there. */
export function unpackedVersion({ host }: Bench, name: string): string | undefined {
  return host.fs.readText(`${folderOf(name)}/${MARK}`)?.trim();
}

/** What is there and is not ours stays. */
export function unpack(bench: Bench, { name, version, download, owner }: Unpacked): Work[] {
  const { fs } = bench.host;
  const folder = folderOf(name);
  const staging = `${PARENT}/.${name}`;
  const file = `${CACHE}/${fileName(download.url)}`;
  const run = (argv: readonly string[]): Work => ({ kind: 'run', argv, timeLimit: LIMIT });
  const options = ['--directory', staging, '--no-same-owner', '--strip-components=1'];
  const ours = unpackedVersion(bench, name) !== undefined;
  return [
    { kind: 'download', download, to: file },
    { kind: 'remove', path: staging },
    {
      kind: 'run',
      argv: ['mkdir', '-p', staging],
      timeLimit: LIMIT,
      undo: () => [...missingFolders(fs, PARENT), { kind: 'tree', path: staging }],
    },
    run(['tar', '--extract', '--file', file, ...options]),
    { kind: 'write', path: `${staging}/${MARK}`, text: `${version}\n` },
    ...(owner === undefined ? [] : [run(['chown', '-R', `${owner}:`, staging])]),
    ...(ours ? [{ kind: 'remove', path: folder } as const] : free(fs.exists(folder), folder)),
    { kind: 'rename', from: staging, to: folder, undo: [{ kind: 'tree', path: folder }] },
  ];
}

function free(taken: boolean, folder: string): Work[] {
  const wrong = {
    message: `${folder} is there and is not ours.`,
    hint: `Move it away: mv ${folder} ${folder}.before`,
  };
  return taken ? [{ kind: 'insist', text: `${folder} is free`, wrong: async () => wrong }] : [];
}
