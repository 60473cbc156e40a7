// What is built from a source runs in the kernel: whoever can write to it, or put another in its place, is root.
import type { FileInfo, HostFs } from '../host/fs.ts';
import { walkPath } from '../host/root-path.ts';
import { quoted } from '../host/shell-word.ts';
import type { Refusal } from './driver.ts';

/** Why a file or folder is not root's alone; undefined where it is. */
export function writableBy(path: string, info: FileInfo): string | undefined {
  if (info.user !== 0) return `${path} belongs to user ${info.user}, not to root`;
  if (info.kind === 'link') return undefined;
  if ((info.mode & 0o002) !== 0) return `${path} can be written to by everybody`;
  if ((info.mode & 0o020) !== 0 && info.group !== 0)
    return `${path} can be written to by group ${info.group}`;
  return undefined;
}

/**
 * Why somebody other than root decides what is at a path: each folder and link on the way is looked at, the
 * path's own end too. Undefined where only root does.
 * @param path absolute, without `.` and `..`
 */
export function untrustedWay(fs: HostFs, path: string): Refusal | undefined {
  let refusal: Refusal | undefined;
  walkPath(path, (parts) => {
    const here = `/${parts.join('/')}`;
    const info = fs.lstat(here);
    // Nothing there, or nothing that this user may see: reading the source will tell.
    if (info === undefined) return false;
    const text = writableBy(here, info);
    if (text === undefined) return info.kind === 'link' ? fs.readLink(here) : undefined;
    refusal = { code: 'not-roots', text: wayText(path, here, text), hint: wayHint(path, here) };
    return false;
  });
  return refusal;
}

function wayText(path: string, here: string, text: string): string {
  return here === path || path.startsWith(`${here}/`) ? text : `it leads to ${here}, and ${text}`;
}

function wayHint(path: string, here: string): string {
  if (here === path) return ownHint(path);
  if (path.startsWith(`${here}/`)) {
    return `make the folder root's alone: chown root:root ${quoted(here)} && chmod go-w ${quoted(here)}`;
  }
  return `put a folder of root's own in the link's place: rm ${quoted(path)}, then unpack a release of tt-kmd there as root`;
}

/** The command that makes a source root's. */
export function ownHint(path: string): string {
  return `make it root's alone: chown -R root:root ${quoted(path)} && chmod -R go-w ${quoted(path)}`;
}
