// Where tt-kmd's source comes from: upstream's archive, a folder, a tarball, a tag of a git repository, an ebuild.
import { dkmsVariable } from '../../driver/dkms-conf.ts';
import { fileHash } from '../../host/hash.ts';
import type { Bench } from '../step.ts';
import { isGit } from './packages.ts';

export const EBUILD = 'sys-kernel/tt-kmd';
/** Which tarball, or which tag, the source came from: its files do not tell. */
export const NOTE_PATH = '/var/lib/ttkmd/driver-source.json';
/** Where it comes from, with the version where that is known before it is there. */
export type Origin =
  | { readonly kind: 'archive'; readonly version: string }
  | { readonly kind: 'folder'; readonly path: string; readonly version: string | undefined }
  | { readonly kind: 'tarball'; readonly path: string; readonly sha256: string | undefined }
  | { readonly kind: 'git'; readonly url: string; readonly tag: string }
  | { readonly kind: 'ebuild' };

export interface Note {
  readonly from: string;
  readonly version: string;
}

export function origin({ choices, versions, host }: Bench): Origin {
  const given = choices.kmdSource;
  if (given === undefined) return { kind: 'archive', version: versions.driver.version };
  if (given === 'ebuild') return { kind: 'ebuild' };
  if (isGit(given)) {
    const hash = given.lastIndexOf('#');
    return { kind: 'git', url: given.slice(0, hash), tag: given.slice(hash + 1) };
  }
  if (host.fs.stat(given)?.kind === 'folder') {
    return {
      kind: 'folder',
      path: given,
      version: dkmsVariable(host.fs.readText(`${given}/dkms.conf`) ?? '', 'PACKAGE_VERSION'),
    };
  }
  return { kind: 'tarball', path: given, sha256: fileHash(host.fs, given) };
}

export function readNote({ host }: Bench): Note | undefined {
  try {
    return JSON.parse(host.fs.readText(NOTE_PATH) ?? '') as Note;
  } catch {
    return undefined;
  }
}

export function noteFrom(found: Extract<Origin, { kind: 'git' | 'tarball' }>): string {
  return found.kind === 'git' ? `${found.url}#${found.tag}` : `sha256:${found.sha256}`;
}

/** Where in a tarball the source begins, and its version. */
export async function findConf(
  { host }: Bench,
  path: string,
): Promise<{ depth: number; version: string } | undefined> {
  const { stdout } = await host.exec.query('tar', ['--list', '--file', path]);
  const members = stdout.split('\n').filter((name) => /(?:^|\/)dkms\.conf$/.test(name));
  const [member] = members.sort((a, b) => a.split('/').length - b.split('/').length);
  if (member === undefined) return undefined;
  const conf = await host.exec.query('tar', ['--extract', '--to-stdout', '--file', path, member]);
  const version = dkmsVariable(conf.stdout, 'PACKAGE_VERSION');
  const depth = member.replace(/^\.\//, './').split('/').length - 1;
  return version === undefined ? undefined : { depth, version };
}
