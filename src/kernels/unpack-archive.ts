// Unpacks the archive of a kernel's build tree for a build.
import { EXIT, TtkmdError } from '../host/errors.ts';
import type { HostFs } from '../host/fs.ts';
import type { Host } from '../host/host.ts';
import { abiHash } from './abi.ts';
import type { KernelArchive } from './archive.ts';
import { examineTree } from './build-tree.ts';
import { type TarSettings, tar } from './tar.ts';

/** Where one is unpacked while it is built from; only root may look into it. */
export const UNPACKED = '/var/lib/ttkmd/unpacked';

/**
 * Unpacks an archive for a build.
 * @param expected the hash of the tree that it was made of, where that is known
 * @returns the build tree
 * @throws TtkmdError `archive-broken` where it is damaged, not root's alone, or of another tree; what may go away by
 * itself has another code
 */
export async function unpackArchive(
  host: Host,
  { release, path }: KernelArchive,
  expected: string | undefined,
  settings: TarSettings,
): Promise<string> {
  const { fs } = host;
  const info = fs.stat(path);
  if (info === undefined || info.user !== 0 || (info.mode & 0o022) !== 0) {
    throw broken(path, 'others than root can write to it');
  }
  removeUnpacked(fs);
  const tree = `${UNPACKED}/${release}`;
  fs.makeFolder(UNPACKED, 0o700);
  fs.makeFolder(tree, 0o755);
  const how = ['--extract', '--file', path, '--directory', tree, '--no-same-owner'];
  try {
    await tar(host, how, settings);
  } catch (error) {
    throw error instanceof TtkmdError ? whyNotUnpacked(path, error) : error;
  }
  const [missing] = examineTree(fs, tree, release).tree.missing;
  if (missing !== undefined) throw broken(path, missing.text.replace(`${tree}/`, ''));
  if (expected !== undefined && expected !== abiHash(fs, tree)) {
    throw broken(path, 'it is not what was made of the build tree');
  }
  return tree;
}

export function removeUnpacked(fs: HostFs): void {
  fs.removeTree(UNPACKED);
}

/** What has no room, no program or no time now may have it later. */
function whyNotUnpacked(path: string, error: TtkmdError): TtkmdError {
  const why = error.message.replace(/\.$/, '');
  if (error.code === 'tar-damaged') return broken(path, why);
  const text = `The archive ${path} could not be unpacked: ${why}.`;
  if (error.code === 'no-space') {
    const hint = 'make room for /var/lib/ttkmd, then as root: ttkmdctl reconcile';
    return new TtkmdError(error.code, text, hint, EXIT.stepFailed);
  }
  if (error.code !== 'tar-failed') return error;
  const program = path.endsWith('.xz') ? 'xz' : 'zstd';
  const name = program === 'xz' ? 'xz-utils' : program;
  return new TtkmdError(
    'archive-not-unpacked',
    text,
    /Cannot exec/.test(why)
      ? `install what unpacks it: emerge app-arch/${name} (Debian: apt install ${name}), then as root: ttkmdctl reconcile`
      : `it is tried again by itself, or as root: ttkmdctl reconcile. Whether the archive is sound: ${program} --test ${path}`,
    EXIT.stepFailed,
  );
}

function broken(path: string, why: string): TtkmdError {
  return new TtkmdError(
    'archive-broken',
    `The archive ${path} is not to be built from: ${why}.`,
    `emerge the kernel again (Debian: install its headers), which brings its build tree back, and remove the archive for another to be made: rm ${path}`,
    EXIT.stepFailed,
  );
}
