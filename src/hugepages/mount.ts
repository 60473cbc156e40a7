// Mounts the pages of 1 GiB where programs look for them.
import type { Host } from '../host/host.ts';
import type { ObservedMount } from './hugepages.ts';

/**
 * By mount(8), under every init: it takes the configured options, works in a container, and early at boot. Systemd
 * sees the mount and counts its own unit for the same path as started.
 * @returns why it could not be done; undefined where it was
 */
export async function mountPages(host: Host, { path, options }: ObservedMount): Promise<string | undefined> {
  const isNew = !host.fs.exists(path);
  if (isNew) host.fs.makeFolder(path);
  const { code, stderr } = await host.exec.query('mount', [
    '-t',
    'hugetlbfs',
    '-o',
    options,
    'hugetlbfs',
    path,
  ]);
  if (code === 0) return undefined;
  if (isNew) host.fs.removeEmptyFolder(path);
  if (code === 127) return 'there is no mount command (util-linux)';
  return stderr.trim().split('\n')[0] || `mount ended with ${code}`;
}
