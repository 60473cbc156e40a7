// The units for hugepages that Tenstorrent's own tools (tt-system-tools) bring: whether they do the same beside us.
import type { HostFs } from '../host/fs.ts';

const ENABLED = '/etc/systemd/system';
const FOLDERS = [ENABLED, '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/** The mount is called as ours is, after its path. Nothing of ours is enabled by that name: it has no [Install]. */
const UNITS = ['tenstorrent-hugepages.service', 'dev-hugepages\\x2d1G.mount'];

/** Every unit file of ours names our manual. */
const OURS = 'man:ttkmdctl';

/** The names of those that are started at each boot. */
export function enabledUpstreamUnits(fs: HostFs): string[] {
  const wanting = fs.list(ENABLED).filter((folder) => /\.(?:wants|requires)$/.test(folder));
  return UNITS.filter((name) => {
    if (!wanting.some((folder) => fs.readLink(`${ENABLED}/${folder}/${name}`) !== undefined)) return false;
    const path = FOLDERS.map((folder) => `${folder}/${name}`).find((one) => fs.exists(one));
    const isMasked = fs.readLink(`${ENABLED}/${name}`) === '/dev/null';
    return path !== undefined && !isMasked && fs.readText(path)?.includes(OURS) === false;
  });
}
